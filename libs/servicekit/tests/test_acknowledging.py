"""One frame acknowledges many deliveries, and never one that nobody has handled."""

from dataclasses import dataclass, field
from typing import Any

import aiormq
from servicekit.acknowledging import Acknowledging


class FakeChannel:
    """A channel as deliveries know it."""

    def __init__(self) -> None:
        self.is_closed = False
        self.frames: list[tuple[str, int]] = []


@dataclass
class FakeDelivery:
    """A delivery that remembers on its channel what became of it."""

    of: FakeChannel
    delivery_tag: int
    rejected: list[bool] = field(default_factory=list)

    @property
    def channel(self) -> FakeChannel:
        if self.of.is_closed:
            raise aiormq.exceptions.ChannelInvalidStateError
        return self.of

    async def ack(self, multiple: bool = False) -> None:
        self.channel.frames.append(("all up to" if multiple else "one", self.delivery_tag))

    async def reject(self, requeue: bool) -> None:
        self.channel.frames.append(("back" if requeue else "gone", self.delivery_tag))


def deliveries(channel: FakeChannel, *tags: int) -> list[Any]:
    return [FakeDelivery(channel, tag) for tag in tags]


async def test_batches_in_a_row_are_one_frame_each() -> None:
    channel, acknowledging = FakeChannel(), Acknowledging()
    await acknowledging.acknowledge(deliveries(channel, 1, 2, 3))
    await acknowledging.acknowledge(deliveries(channel, 5, 4))
    assert channel.frames == [("all up to", 3), ("all up to", 5)]


async def test_what_is_still_open_before_a_batch_is_never_acknowledged_with_it() -> None:
    channel, acknowledging = FakeChannel(), Acknowledging()
    await acknowledging.acknowledge(deliveries(channel, 1))
    await acknowledging.acknowledge(deliveries(channel, 3, 4))
    assert channel.frames == [("all up to", 1), ("one", 3), ("one", 4)], "2 is in somebody's hands"
    await acknowledging.acknowledge(deliveries(channel, 2, 5))
    assert channel.frames[3:] == [("all up to", 5)]


async def test_what_was_given_back_is_no_gap() -> None:
    channel, acknowledging = FakeChannel(), Acknowledging()
    await acknowledging.reject(deliveries(channel, 1, 2))
    await acknowledging.acknowledge(deliveries(channel, 3, 4))
    assert channel.frames == [("back", 1), ("back", 2), ("all up to", 4)]


async def test_two_channels_in_one_batch_are_told_apart_and_a_closed_one_is_left_alone() -> None:
    old, new, acknowledging = FakeChannel(), FakeChannel(), Acknowledging()
    batch = [*deliveries(old, 7, 8), *deliveries(new, 1, 2)]
    old.is_closed = True
    await acknowledging.acknowledge(batch)
    await acknowledging.reject(deliveries(old, 9))
    assert old.frames == []
    assert new.frames == [("all up to", 2)]
