"""After a restore: the verdicts of the last day are said once more."""

from collections.abc import Sequence

from servicekit import Work
from servicekit.after_restore import LATEST, Finding

from attendance import repository


async def settle(work: Work) -> Sequence[Finding]:
    """Announce the latest verdicts again: who was dumped a moment earlier has not heard of them."""
    verdicts = await repository.latest_verdicts(work, within=LATEST)
    for verdict in verdicts:
        work.announce(verdict.as_classified())
    return [Finding("verdicts of the last day, said once more: a repetition changes nothing", len(verdicts))]
