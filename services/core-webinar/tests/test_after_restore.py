"""After a restore: Core's word counts again, whatever later times others know of."""

from contracts import WebinarEvent, WebinarFinished
from core_webinar.after_restore import settle
from core_webinar.handlers import stop_overrun
from core_webinar.testing import planned, started, upsert_command
from servicekit.after_restore import version_at
from servicekit.testing import ServiceUnderTest


async def test_every_webinar_gets_a_version_that_nobody_has_seen_and_stays_as_it_was(core: ServiceUnderTest) -> None:
    before = await planned(core)
    core.clock.advance(1800)

    async with core.database.work() as work:
        [finding] = await settle(work)
        [(_, after)] = await core.service.router.owned_snapshots[WebinarEvent.topic](work, "", 10)

    assert finding.count == 1
    assert after == before.model_copy(update={"version": version_at(core.clock.now())})


async def test_who_had_the_form_open_can_still_save_it(core: ServiceUnderTest) -> None:
    seen = await planned(core)
    core.clock.advance(60)
    async with core.database.work() as work:
        await settle(work)

    change = upsert_command(seen.webinar_id, title="Anew", expected_version=seen.version)

    assert (await core.obey(change)).ok


async def test_what_was_on_air_is_named_and_stopped_when_its_time_is_over(core: ServiceUnderTest) -> None:
    webinar_id = (await started(core)).webinar_id
    core.clock.advance(24 * 3600)

    async with core.database.work() as work:
        _, finding = await settle(work)
    await core.run(stop_overrun)

    assert "on air when it was dumped" in finding.what
    assert "stopped at once" in finding.advice
    [finished] = core.said(WebinarFinished)
    assert finished.webinar_id == webinar_id
