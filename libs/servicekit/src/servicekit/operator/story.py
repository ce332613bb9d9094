"""The loop as a person reads it: one line per event, names instead of ids where they are known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = Mapping[str, Any]
# Who is connected comes every few seconds; snapshots on request repeat what is known.
NOISE = frozenset({"room_presence", "snapshot_requested"})
RETOLD = frozenset({"participation_event", "post_webinar_delivery", "chat_link_event"})
ROUTES = {"attended": "to those who attended", "not_attended": "to those who left early"}


@dataclass
class Story:
    """What has been heard so far, for telling the next event by name; no clock, no I/O."""

    accounts: dict[str, str] = field(default_factory=dict)
    webinars: dict[str, Body] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Titles of webinars that nothing was heard of yet."""
    known_accounts: dict[str, Body] = field(default_factory=dict)
    told: dict[tuple[str, ...], int] = field(default_factory=dict)
    """The highest version told of each thing of `RETOLD`."""
    news_from: int = 0
    """Snapshots of an older version (milliseconds since 1970) are told again for somebody else: no news."""

    def tell(self, topic: str, body: Body) -> str | None:
        """Return the words for one message, or None for one that is not worth a line."""
        if topic in NOISE or (topic in RETOLD and not self._is_newer(topic, body)):
            return None
        teller = _TELLERS.get(topic)
        return teller(self, body) if teller else _plainly(body)

    def _is_newer(self, topic: str, body: Body) -> bool:
        what = (
            topic,
            *(str(body.get(name)) for name in ("webinar_id", "lead_id", "delivery_id", "account_id", "step")),
        )
        version = int(body["version"])
        is_newer = version >= self.news_from and version > self.told.get(what, -1)
        self.told[what] = max(version, self.told.get(what, -1))
        return is_newer

    def person(self, account_id: object) -> str:
        """Return an account's name, else the beginning of its id."""
        return self.accounts.get(str(account_id), f"account {str(account_id)[:8]}")

    def webinar(self, body: Body) -> str:
        """Return a webinar's title in quotes, else the beginning of its id."""
        webinar_id = str(body.get("webinar_id"))
        title = self.webinars.get(webinar_id, {}).get("title") or self.titles.get(webinar_id)
        return f"“{title}”" if title else f"webinar {webinar_id[:8]}"


def local_time(moment: datetime) -> str:
    """Return the time of day in this machine's zone."""
    return moment.astimezone().strftime("%H:%M:%S")


def _account(story: Story, body: Body) -> str | None:
    account_id = str(body["account_id"])
    before = story.known_accounts.get(account_id)
    told = {name: value for name, value in body.items() if name != "version"}
    story.known_accounts[account_id] = told
    story.accounts[account_id] = str(body["display_name"])
    if before == told or int(body["version"]) < story.news_from:
        return None
    if not body.get("active", True):
        return f"{body['display_name']} was deactivated"
    invited = f", invited by {story.person(body['partner_id'])}" if body.get("partner_id") else ""
    return f"{body['display_name']} is a {body['role']}{invited}"


def _webinar(story: Story, body: Body) -> str | None:
    webinar_id = str(body["webinar_id"])
    before = story.webinars.get(webinar_id)
    if before is not None and int(before["version"]) >= int(body["version"]):
        return None
    story.webinars[webinar_id] = body
    if int(body["version"]) < story.news_from:
        return None
    name, status = story.webinar(body), body["status"]
    if before is None or before["status"] != status:
        return f"{name} is {status}"
    if before.get("cancelled") != body.get("cancelled"):
        return f"{name} is {'cancelled' if body.get('cancelled') else 'on again'}"
    if before.get("cta_visibility") != body.get("cta_visibility"):
        return f"{name}: the call to action is {body.get('cta_visibility')}"
    changed = sorted(key for key in body if before.get(key) != body[key] and key != "version")
    return f"{name}: changed {', '.join(changed)}" if changed else None


def _watched(body: Body) -> str:
    return f"watched {_length(body['watched_seconds'])} of {_length(body['base_seconds'])}"


def _length(seconds: object) -> str:
    whole = round(float(str(seconds)))
    return f"{whole} s" if whole < 120 else f"{whole // 60} min"


def _completed(story: Story, body: Body) -> str:
    how = {
        "finish": "pressed finish",
        "present_at_stop": "stayed to the end",
        "watched_enough": "watched enough",
    }.get(str(body["completed_by"]), str(body["completed_by"]))
    return f"{story.person(body['lead_id'])} completed {story.webinar(body)}: {how}, {_watched(body)}"


def _verdict(story: Story, body: Body) -> str:
    verdict = "attended" if body["attended"] else "did not attend"
    return f"{story.person(body['lead_id'])} {verdict} {story.webinar(body)} ({body['reason']}, {_watched(body)})"


def _participation(story: Story, body: Body) -> str | None:
    if not body.get("final"):
        return None
    return f"{story.person(body['lead_id'])}: {_watched(body)}, final"


def _delivery(story: Story, body: Body) -> str:
    who = story.person(body["lead_id"])
    to = f"the partner of {who}" if body["recipient"] == "partner" else who
    reason = f" ({body['reason']})" if body.get("reason") else ""
    return f"message “{body['step']}” to {to}: {body['state']}{reason}"


def _chat_link(story: Story, body: Body) -> str:
    state = "blocked the bot" if body.get("blocked") else "linked Telegram" if body["linked"] else "unlinked Telegram"
    return f"{story.person(body['account_id'])} {state}"


def _plainly(body: Body) -> str:
    return ", ".join(f"{key} {value}" for key, value in body.items() if not isinstance(value, dict | list))


_TELLERS: dict[str, Callable[[Story, Body], str | None]] = {
    "account_event": _account,
    "webinar_event": _webinar,
    "webinar_started": lambda story, body: f"{story.webinar(body)} is on air",
    "webinar_finished": lambda story, body: f"{story.webinar(body)} has ended",
    "client_webinar_entered": lambda story, body: f"{story.person(body['lead_id'])} entered {story.webinar(body)}",
    "client_webinar_completed": _completed,
    "webinar_completed": _completed,
    "client_webinar_attendance_evaluate": lambda story, body: (
        f"{story.person(body['lead_id'])} left {story.webinar(body)}, {_watched(body)}: to be judged"
    ),
    "client_webinar_attendance_classified": _verdict,
    "user_attended": lambda story, body: f"{story.person(body['lead_id'])} attended {story.webinar(body)}",
    "post_webinar_route": lambda story, body: (
        f"{story.person(body['lead_id'])} gets the message {ROUTES.get(str(body['route']), body['route'])}"
    ),
    "post_webinar_delivery": _delivery,
    "chat_link_event": _chat_link,
    "message_template_event": lambda _, body: f"text “{body['step']}” in {body['locale']}",
    "participation_event": _participation,
    "cta_shown": lambda story, body: f"{story.person(body['lead_id'])} sees the call to action",
    "cta_clicked": lambda story, body: f"{story.person(body['lead_id'])} followed the call to action",
    "room_finish": lambda story, body: f"{story.person(body['lead_id'])} pressed finish",
    "core_webinar_upsert": lambda story, body: f"asks to {body.get('action', 'save')} {story.webinar(body)}",
    "core_webinar_set_status": lambda story, body: f"asks to {body['status']} {story.webinar(body)}",
    "core_webinar_set_cta_visibility": lambda story, body: (
        f"asks to {'show' if body['visible'] else 'hide'} the call to action of {story.webinar(body)}"
    ),
    "chat_link_requested": lambda story, body: f"{story.person(body['account_id'])} asks for a Telegram link",
}
