"""What states, codes and refusals are called on a page; ids of the catalogues, translated where they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import (
    CommandError,
    DeliveryState,
    ErrorCode,
    Recipient,
    Role,
    Step,
    WebinarEvent,
    WebinarStatus,
)

from room_ui.i18n import Texts
from room_ui.i18n import mark as _

ROLES: Mapping[Role, str] = {
    Role.ADMIN: _("Administrator"),
    Role.SPEAKER: _("Speaker"),
    Role.PARTNER: _("Partner"),
    Role.CANDIDATE: _("Candidate"),
}

STATUSES: Mapping[WebinarStatus, str] = {
    WebinarStatus.DRAFT: _("Draft"),
    WebinarStatus.SCHEDULED: _("Planned"),
    WebinarStatus.LIVE: _("On air"),
    WebinarStatus.PAUSED: _("Paused"),
    WebinarStatus.FINISHED: _("Finished"),
    WebinarStatus.ARCHIVED: _("In the archive"),
}
BADGES: Mapping[WebinarStatus, str] = {
    WebinarStatus.SCHEDULED: "soon",
    WebinarStatus.LIVE: "on-air",
    WebinarStatus.PAUSED: "waits",
}

STEPS: Mapping[str, str] = {
    Step.ATTENDED: _("to who attended"),
    Step.NOT_ATTENDED: _("to who did not attend"),
    Step.RECORDING: _("the recording"),
    Step.PARTNER_NOTICE: _("notice to the partner"),
}

DELIVERY_STATES: Mapping[str, str] = {
    DeliveryState.PLANNED: _("planned"),
    DeliveryState.HELD: _("held"),
    DeliveryState.SENDING: _("on its way"),
    DeliveryState.SENT: _("sent"),
    DeliveryState.FAILED: _("failed"),
    DeliveryState.BLOCKED: _("the bot is blocked"),
    DeliveryState.NOT_LINKED: _("no Telegram linked"),
    DeliveryState.SUPPRESSED: _("not sent: the account is switched off"),
    DeliveryState.UNCERTAIN: _("not known whether it arrived"),
    DeliveryState.CANCELLED: _("cancelled"),
}

DELIVERY_REASONS: Mapping[str, str] = {
    "no_recording_link": _("there is no link to a recording"),
    "no_answer_in_time": _("Telegram did not answer in time"),
    "sent_again": _("was sent once more"),
    "arrived_after_all": _("the first one has arrived after all"),
    "restored_from_backup": _("may have been sent before a backup was restored"),
    "text_too_long": _("the text is too long"),
    "telegram_not_reached": _("Telegram could not be reached"),
    "too_many_requests": _("Telegram asked to wait"),
}
SAID_BY_THE_STATE = frozenset({"account_inactive", "no_chat_linked", "chat_blocked", "cancelled_at_desk"})
"""Reasons that the name of the state tells already."""

REFUSALS: Mapping[ErrorCode, str] = {
    ErrorCode.INVALID_START: _("It cannot be started: it is a draft, called off, or paused."),
    ErrorCode.INVALID_ARCHIVE: _("Only a webinar that is over can go into the archive."),
    ErrorCode.INVALID_REWIND: _("It is on air or over, so it cannot go back to the plan or be called off."),
    ErrorCode.INVALID_RESTART: _("It is over and cannot be started again. Duplicate it to plan a new one."),
    ErrorCode.INVALID_STOP: _("It cannot be stopped: it is not on air."),
    ErrorCode.STATUS_MUTATION_FORBIDDEN: _("The status and the button are not changed by this form."),
    ErrorCode.LOCKED: _("It is in the archive and can no longer be changed."),
    ErrorCode.STATUS_UNKNOWN: _("A webinar can be started or stopped, nothing else."),
    ErrorCode.FIELD_LOCKED: _("This cannot be changed any more."),
    ErrorCode.NOT_FOUND: _("There is no such webinar."),
    ErrorCode.VERSION_CONFLICT: _("Somebody else has changed this meanwhile. Look at what it is now, then save again."),
    ErrorCode.FORBIDDEN: _("You have no right to do this."),
    ErrorCode.UNAUTHENTICATED: _("Sign in first."),
    ErrorCode.INVALID_FIELD: _("Something here cannot be used as it is."),
    ErrorCode.EXPIRED: _("This took too long, and nothing was changed. Try again."),
    ErrorCode.UNAVAILABLE: _("This does not work just now. Try again in a moment."),
    ErrorCode.NO_WEBINAR: _("Nothing is on air and nothing is planned. The next one will appear in the schedule."),
    ErrorCode.TOO_MANY_REQUESTS: _("Too many tries. Wait a little."),
    ErrorCode.METHOD_NOT_ALLOWED: _("This page cannot do that."),
    ErrorCode.DELIVERY_STATE_INVALID: _("This message cannot be sent again in its present state."),
    ErrorCode.DELIVERY_NOT_FOUND: _("There is no such message."),
}

CONFLICT = _("Somebody else has changed this meanwhile. Now it is: %(value)s. Save again to put yours in its place.")
"""At a field: what somebody else has put there since this person read it."""

FIELD_REFUSALS: Mapping[str, str] = {
    "title": _("Give a title of 1 to 200 characters."),
    "description": _("At most 5,000 characters of plain text."),
    "speaker_id": _("Choose an active speaker or administrator."),
    "scheduled_at": _("Give a day and a time that exist in this time zone and have not passed."),
    "time_zone": _("There is no such time zone. An example: Europe/Moscow."),
    "duration_minutes": _("A whole number from 5 to 600."),
    "completion_percent": _("A whole number from 1 to 100."),
    "overrun_minutes": _("It cannot be put off any further."),
    "poster_url": _("The address has to begin with https://"),
    "recording_url": _("The address has to begin with https://"),
    "player_src": _("The room cannot show this address. Use a link from YouTube, VK Video, Rutube or Vimeo."),
    "chat_src": _("The room cannot show this address. Use a link from YouTube, VK Video, Rutube or Vimeo."),
    "stream_type": _("Only an administrator can change this."),
    "cta_text": _("At most 80 characters."),
    "cta_link": _("The address has to begin with https:// or with a single /"),
    "action": _("This button means nothing in the present state."),
    "login": _("1 to 100 of the characters a-z, 0-9 and . _ @ + -, and not taken yet."),
    "name": _("Give a name of 1 to 200 characters, not the login and no e-mail address: others see it."),
    "role": _("The roles are admin, speaker, partner and candidate."),
    "partner": _("There is no active partner with this login."),
    "locale": _("The languages are ru and en."),
    "country": _("Two letters, for example RU."),
    "telegram": _("A Telegram name, for example @anna_k."),
    "phone": _("At most 40 characters."),
    "link": _("The address has to begin with https://"),
    "photo_url": _("The address has to begin with https://"),
    "note": _("At most 500 characters."),
    "password": _("8 to 200 characters."),
    "old": _("This is not your present password."),
    "again": _("This is not the same as the new password above."),
    "text": _("Check the words in curly braces, and keep it under 4,000 characters."),
}

FIELD_NAMES: Mapping[str, str] = {
    "title": _("Title"),
    "description": _("Description"),
    "speaker_id": _("Speaker"),
    "scheduled_at": _("Begins"),
    "time_zone": _("Time zone"),
    "duration_minutes": _("Length, minutes"),
    "completion_percent": _("Counts as attended from, percent of the time"),
    "poster_url": _("Link to the poster"),
    "recording_url": _("Link to the recording"),
    "player_src": _("Link to the video"),
    "chat_src": _("Link to the chat"),
    "stream_type": _("Where the webinar runs"),
    "cta_text": _("Words on the button"),
    "cta_link": _("Where the button leads"),
}
"""What the desk's form calls its fields."""

PAGES_WITHOUT_FRAME: Mapping[str, str] = {
    "youtube": _(
        "This is a page of YouTube and no video: the room would stay empty. Open the broadcast itself and paste its "
        "link: youtube.com/watch?v=… or youtube.com/live/…"
    ),
    "vk_live": _(
        "This is the page of a channel: the room would stay empty. Choose “Share”, then “Embed”, and paste that code; "
        "or paste the link of the broadcast in VK Video: vkvideo.ru/video-…_…"
    ),
    "vk": _(
        "This is a page of VK and no video: the room would stay empty. Open the broadcast itself and paste its link: "
        "vkvideo.ru/video-…_…"
    ),
    "rutube": _(
        "This is a page of Rutube and no video: the room would stay empty. Open the broadcast itself and paste its "
        "link: rutube.ru/video/…"
    ),
    "vimeo": _(
        "This is a page of Vimeo and no video: the room would stay empty. Open the video or event itself and paste its "
        "link: vimeo.com/… with a number."
    ),
}
"""Why a page cannot be the picture or the chat of a room, and what can; by `links.page_without_frame`."""

NEXT_STEPS: Mapping[str, str] = {
    "player_src": _("There is no link to the video yet: the room would stay dark."),
    "poster_url": _("There is no poster: a plain picture stands in its place."),
    "cta_text": _("There are no words on the button yet: it would say “Learn more”."),
}
"""What a planned webinar still lacks, by the field to fill in."""

SERVICE_WORDS = (
    _("The time has to look like 2026-12-01T19:00 or 2026-12-01T16:00:00Z."),
    _("There is no such day or time."),
    _("This time has passed already."),
    _("A published webinar needs a title."),
    _("A published webinar needs a time."),
    _("Only a published webinar can be cancelled."),
    _("A draft cannot start; publish it first."),
    _("A cancelled webinar cannot start; restore it first."),
    _("The webinar has started already and is paused; it can be resumed."),
    _("The address has characters that do not belong into one."),
    _("The messages of this webinar were cancelled."),
    _("This message was sent again already."),
    _("There is no Telegram bot at work now."),
)
"""Refusals of other services that say more than their code; any other is told by its field or code."""

NOT_SENT = _("The part that keeps webinars cannot be reached just now. Nothing was changed; try again in a moment.")
UNANSWERED = _("It is not known yet whether this was done. The page shows what is known; look again in a moment.")
UNANSWERED_FORM = _(
    "It is not known yet whether this was saved. What you have typed still stands here: save it again in a moment, "
    "twice does no harm."
)

DONE: Mapping[str, str] = {
    "draft": _("Saved as a draft."),
    "saved": _("Saved."),
    "publish": _("Published: it is in the schedule now."),
    "cancel": _("Called off: the schedule, the room and the calendars say so."),
    "restore": _("It is back in the schedule."),
    "start": _("Started: the room shows the player."),
    "stop": _("Stopped: the room says thank you."),
    "cta-show": _("The button is shown in the room."),
    "cta-hide": _("The button is hidden."),
    "overrun": _("The automatic stop is put off by an hour."),
    "hold": _("The messages are held."),
    "release": _("The messages will leave."),
    "cancel-messages": _("The messages are cancelled."),
    "resend": _("It will be sent once more."),
    "unknown": UNANSWERED,
    "language": _("Saved."),
    "contact": _("Saved: your candidates see it now."),
    "password": _("Your password is changed. On other devices you are signed out."),
    "elsewhere": _("You are signed out everywhere but here."),
    "everywhere": _("You are signed out on every device, this one too."),
    "account-on": _("The account is switched on."),
    "account-off": _("The account is switched off: its sessions have ended."),
    "template": _("The text is saved."),
}
"""What was just done, by the code that the redirect carries in `?done=`."""


@dataclass(frozen=True)
class Notice:
    """What a page says about what was just done: `kind` is `good`, `bad` or `plain`."""

    kind: str
    text: str
    code: str | None = None
    where: str | None = None


def done_notice(texts: Texts, code: str | None) -> Notice | None:
    """Return the words for `?done=<code>`; an unknown code says nothing."""
    words = DONE.get(code or "")
    if words is None:
        return None
    return Notice("plain" if code == "unknown" else "good", texts.gettext(words))


def refusal_words(texts: Texts, error: CommandError) -> str:
    """Return what a refusal says to a person: the service's words where they are known, else the field's or code's."""
    if error.message in (*SERVICE_WORDS, *PAGES_WITHOUT_FRAME.values()):
        return texts.gettext(error.message)
    if error.code is ErrorCode.INVALID_FIELD and error.field is not None and error.field in FIELD_REFUSALS:
        return texts.gettext(FIELD_REFUSALS[error.field])
    return texts.gettext(REFUSALS[error.code])


def field_words(texts: Texts, field: str) -> str:
    """Return what is wrong with a field that was refused here and not by Core."""
    return texts.gettext(FIELD_REFUSALS.get(field, REFUSALS[ErrorCode.INVALID_FIELD]))


def status_words(texts: Texts, webinar: WebinarEvent) -> str:
    return texts.gettext(_("Called off") if webinar.cancelled else STATUSES[webinar.status])


def badge_of(webinar: WebinarEvent) -> str:
    """Return the style of the badge with the webinar's status."""
    return "off" if webinar.cancelled else BADGES.get(webinar.status, "")


def delivery_words(texts: Texts, recipient: str, step: str, state: str) -> str:
    """Return one line about one message: what it is, and how it fares."""
    return f"{step_words(texts, recipient, step)}: {texts.gettext(DELIVERY_STATES.get(state, state))}"


def step_words(texts: Texts, recipient: str, step: str) -> str:
    """Return what a message is."""
    kind = STEPS.get(step, step)
    if recipient == Recipient.PARTNER and step != Step.PARTNER_NOTICE:
        kind = STEPS[Step.PARTNER_NOTICE]
    return texts.gettext(kind)


def reason_words(texts: Texts, reason: str | None) -> str | None:
    """Return why a message is in its state: known reasons in words, Telegram's own words as they are."""
    if reason is None or reason in SAID_BY_THE_STATE:
        return None
    return texts.gettext(DELIVERY_REASONS[reason]) if reason in DELIVERY_REASONS else reason
