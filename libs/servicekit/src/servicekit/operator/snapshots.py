"""`webinarctl snapshots`: let the owner of snapshots announce them again."""

from typing import Annotated

import typer
from contracts import SnapshotRequested
from contracts.topology import TOPIC_OF

from servicekit.database import Database
from servicekit.operator.places import Service, do_at, places
from servicekit.operator.showing import fail, say

_KNOWN = sorted(one.name for one in TOPIC_OF.values() if one.kind == "snapshot")


def snapshots(
    topic: Annotated[str, typer.Argument(help=f"One of {', '.join(_KNOWN)}.")], service: Service = None
) -> None:
    """Ask the owner of a topic to announce all of its present snapshots again (at most once a minute).

    Whoever keeps a copy corrects it by them; --service says in whose name to ask, which makes no difference.
    """
    if topic not in _KNOWN:
        fail(f"{topic} is no topic of snapshots; there are {', '.join(_KNOWN)}.")

    async def ask(database: Database) -> None:
        async with database.work() as work:
            work.announce(SnapshotRequested(topic_name=topic))

    do_at(lambda: places(service)[0], ask)
    say(f"Asked for {topic}: {_owner(topic)} announces them again.")


def _owner(topic: str) -> str:
    return next(one.said_by[0] for one in TOPIC_OF.values() if one.name == topic)
