"""After a restore: accounts are told anew, used ways in stay shut, and the pages show what the owners have."""

from collections.abc import Sequence

from contracts import RoomFinish
from servicekit import Work
from servicekit.after_restore import LATEST, Finding, version_at

from room_ui import restoring


async def settle(work: Work) -> Sequence[Finding]:
    """Settle what room-ui owns, and forget what it was told: its dump may be of a later time than the owners'."""
    accounts = await restoring.outdo_versions(work, version_at(work.now))
    presses = await restoring.latest_presses(work, within=LATEST)
    for lead_id, webinar_id, at in presses:
        work.announce(RoomFinish(lead_id=lead_id, webinar_id=webinar_id, at=at))
    links = await restoring.end_unused_links(work)
    sessions = await restoring.open_sessions(work)
    copies = await restoring.forget_copies(work)
    return [
        Finding("accounts, as they were, under new versions", accounts),
        Finding("copies of what others own, deleted: their owners tell them anew", copies),
        Finding('presses of "finish" of the last day, said once more: a repetition changes nothing', len(presses)),
        Finding(
            "one-time links, ended: they may have been used already",
            links,
            "Make new ones for who has not signed in yet." if links else "",
        ),
        Finding(
            "sessions that go on",
            sessions,
            "Who was signed out or switched off after the dump is in again: repeat it." if sessions else "",
        ),
    ]
