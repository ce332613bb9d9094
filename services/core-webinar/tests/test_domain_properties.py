"""What holds whatever people press, in whatever order, on clocks that are read out of order."""

from datetime import timedelta

from contracts import CtaVisibility, WebinarStatus
from core_webinar import domain
from core_webinar.domain import FRAME_HOSTS, Refusal, Surroundings, Upsert, Webinar
from core_webinar.testing import NOON, webinar
from hypothesis import given
from hypothesis import strategies as st

SECONDS = st.integers(min_value=-3600, max_value=7200)
WORDS = {
    "start": domain.start,
    "stop": domain.stop,
    "pause": domain.pause,
    "resume": domain.resume,
    "archive": domain.archive,
}
STEPS = st.sampled_from([*WORDS, "show", "hide", "retitle", "cancel", "restore"])


def take(present: Webinar, step: str, seconds: int) -> Webinar:
    """Return the webinar after a step, or as it is where the step is refused."""
    now = NOON + timedelta(seconds=seconds)
    try:
        if step in {"show", "hide"}:
            return domain.set_cta_visibility(present, step == "show", now).after
        if step in {"retitle", "cancel", "restore"}:
            changes = {"title": f"At {seconds}"} if step == "retitle" else {}
            action = None if step == "retitle" else step
            wish = Upsert(present.webinar_id, "speaker-1", changes=changes, action=action)
            return domain.upsert(present, wish, Surroundings(now, FRAME_HOSTS)).after
        return WORDS[step](present, now).after
    except Refusal:
        return present


@given(st.lists(st.tuples(STEPS, SECONDS), max_size=30))
def test_windows_never_overlap_and_versions_only_grow(story: list[tuple[str, int]]) -> None:
    present = webinar(WebinarStatus.SCHEDULED)
    for step, seconds in story:
        before, present = present, take(present, step, seconds)
        assert present.version > before.version or present == before
        assert before.finished_at is None or present.finished_at == before.finished_at
        assert before.started_at is None or present.started_at == before.started_at
        for windows, lasts in (
            (present.on_air, present.status is WebinarStatus.LIVE),
            (present.cta_windows, present.cta_visibility is CtaVisibility.VISIBLE),
        ):
            borders = [moment for window in windows for moment in (window.start, window.end) if moment is not None]
            assert borders == sorted(borders)
            is_open = [window.end is None for window in windows]
            assert not any(is_open[:-1])
            assert (is_open[-1:] == [True]) == lasts
        assert present.as_event().version == present.version
