"""The doctor's look at other teams' queues: none of them may hold up what is said."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from servicekit import teams
from servicekit.management import Management, ProvisioningError
from servicekit.operator.findings import Finding, Report, State
from servicekit.operator.showing import counted


def queues(management_url: str, vhost: str) -> Callable[[Report], Awaitable[None]]:
    """Look for queues that refuse what they have no room for: the broker then refuses the whole fact."""

    async def check(report: Report) -> None:
        try:
            async with Management(management_url) as management:
                found: list[dict[str, Any]] = await management.get("queues", vhost) or []
        except (ProvisioningError, aiohttp.ClientError, TimeoutError):
            # The look at the alarms says that this address does not answer.
            return
        own = [queue for queue in found if str(queue["name"]).startswith(teams.PREFIX)]
        if refusing := [str(queue["name"]) for queue in own if _refuses(queue)]:
            words = f"{', '.join(refusing)} can refuse facts, and then nobody gets them"
            advice = "Have the team declare it as a quorum queue without `x-overflow`, and delete this one."
            report.add(Finding("broker: teams", State.ATTENTION, words, advice))
        elif own:
            waiting = sum(int(queue.get("messages") or 0) for queue in own)
            words = f"{counted(len(own), 'queue')} of other teams, {counted(waiting, 'message')} waiting"
            report.add(Finding("broker: teams", State.OK, words))

    return check


def _refuses(queue: dict[str, Any]) -> bool:
    """Whether a queue refuses: of quorum queues our policy decides, of classic ones their own argument."""
    refuses = str(queue.get("arguments", {}).get("x-overflow", "")).startswith("reject-publish")
    return refuses and queue.get("type") == "classic"
