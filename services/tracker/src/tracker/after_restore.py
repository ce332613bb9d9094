"""After a restore: the facts of the last day are said once more, the figures under versions that nobody has seen."""

from collections.abc import Sequence
from uuid import UUID

from servicekit import Work
from servicekit.after_restore import LATEST, Finding, version_at

from tracker import announcements
from tracker.domain.airing import bridge_of
from tracker.domain.participation import Completion, Figures, Participation, figures
from tracker.repository import participations, restoring, webinars

_SLICE = 1000


async def settle(work: Work) -> Sequence[Finding]:
    """Say once more who entered, completed and did not: who was dumped a moment earlier has not heard of it."""
    told = await restoring.outdo_versions(work, version_at(work.now))
    said = 0
    for webinar_id, is_final in await restoring.latest_webinars(work, within=LATEST):
        airing = (await webinars.airings(work, [webinar_id]))[webinar_id]
        bridge = bridge_of(await webinars.intervals(work, webinar_id))
        leads = await restoring.leads_who_entered(work, webinar_id)
        for start in range(0, len(leads), _SLICE):
            for one in await participations.participations(work, webinar_id, leads[start : start + _SLICE]):
                known = figures(one.presences, airing, bridge=bridge, now=airing.finished_at or work.now)
                said += _say_again(work, webinar_id, one, known, is_final=is_final)
    return [
        Finding("participations, as they were, under new versions", told),
        Finding("facts of the last day, said once more: a repetition changes nothing", said),
    ]


def _say_again(work: Work, webinar_id: UUID, one: Participation, known: Figures, *, is_final: bool) -> int:
    """Announce what attendance decides from; returns how many facts that were."""
    assert one.entered_at is not None
    work.announce(announcements.entered(webinar_id, one.lead_id, one.entered_at))
    if one.completed_by is not None and one.completed_at is not None:
        completion = Completion(one.completed_by, one.completed_at, known)
        _, normalised = announcements.completed(webinar_id, one.lead_id, completion)
        work.announce(normalised)
    elif is_final:
        work.announce(announcements.evaluation(webinar_id, one.lead_id, known))
    else:
        return 1
    return 2
