"""What verdicts on leads are called, and why they are so; ids of the catalogues."""

from collections.abc import Mapping

from contracts import CompletedBy, WebinarEvent

from room_ui.i18n import Texts
from room_ui.i18n import mark as _
from room_ui.pages.moving import NOT_COMPLETED
from room_ui.pages.queries import ReportRow

COMPLETED_BY: Mapping[str, str] = {
    CompletedBy.FINISH: _("pressed finish"),
    CompletedBy.PRESENT_AT_STOP: _("stayed to the end"),
    CompletedBy.WATCHED_ENOUGH: _("watched enough"),
}

VERDICT_ENOUGH = _("watched enough: %(percent)d%%, and %(needed)d%% are needed")
VERDICT_TOO_LITTLE = _("watched %(percent)d%%, and %(needed)d%% are needed")
VERDICT_TOO_SHORT = _("watched for too short a time to count")


def completed_words(texts: Texts, by: str | None) -> str | None:
    """Return what completed the webinar for a lead; None for nothing, or for what has no words."""
    return None if by is None or by not in COMPLETED_BY else texts.gettext(COMPLETED_BY[by])


def attendance_words(texts: Texts, attended: bool | None, *, was_there: bool) -> str:
    """Return the verdict on a lead: also that there is none yet, or that there is nobody to judge."""
    if attended is None:
        return texts.gettext(_("no verdict yet") if was_there else _("was not there"))
    return texts.gettext(_("attended") if attended else _("did not attend"))


def verdict_words(texts: Texts, row: ReportRow, webinar: WebinarEvent) -> str | None:
    """Return why the verdict on a lead is what it is, or what completed the webinar for them; None without either."""
    reason = row.reason or row.completed_by
    if reason is None:
        return None
    filled = {"percent": row.watched_percent or 0, "needed": webinar.completion_percent}
    if reason == CompletedBy.WATCHED_ENOUGH:
        return texts.gettext(VERDICT_ENOUGH) % filled
    if reason == NOT_COMPLETED:
        is_too_short = filled["percent"] >= filled["needed"]
        return texts.gettext(VERDICT_TOO_SHORT) if is_too_short else texts.gettext(VERDICT_TOO_LITTLE) % filled
    return texts.gettext(COMPLETED_BY[reason]) if reason in COMPLETED_BY else reason
