"""After a restore: every webinar is told anew, and what is on air in the dump is named."""

from collections.abc import Sequence

from servicekit import Work
from servicekit.after_restore import Finding, version_at

from core_webinar import repository


async def settle(work: Work) -> Sequence[Finding]:
    """Give every webinar a version that nobody has seen yet, so that those who know of later times believe Core."""
    count = await repository.outdo_versions(work, version_at(work.now))
    findings = [Finding("webinars, as they were, under new versions", count)]
    for title, stop_at in await repository.on_air(work):
        until = (
            f"it is stopped by itself at {stop_at:%Y-%m-%d %H:%M} UTC"
            if stop_at > work.now
            else "it is stopped at once"
        )
        findings.append(
            Finding(f"on air when it was dumped: {title}", 1, f"If it is over, stop it at the desk; else {until}.")
        )
    return findings
