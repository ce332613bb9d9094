"""Pages from templates: everything is escaped, everything is in the viewer's language."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from babel.units import format_unit
from contracts import Capability, Role
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from room_ui.accounts.domain import safe_referral
from room_ui.addresses import page_address
from room_ui.assets import fingerprint
from room_ui.cookies import cookie_value
from room_ui.i18n import Texts, texts
from room_ui.pages import verdicts, words
from room_ui.pages.forms import is_safe_link
from room_ui.viewer import REFERRAL_COOKIE
from room_ui.web import parts_of, viewer_of

PACKAGE = Path(__file__).parent.parent
LANGUAGES = (("ru", "Русский"), ("en", "English"))


def asset(name: str) -> str:
    """Return the address of a static file, with its content's hash so that it may be kept for ever."""
    return f"/static/{name}?v={fingerprint(name)}"


def remaining(language: Texts, length: timedelta) -> str:
    """Write how long there is still to wait, as clock.js does: days and hours in words, less by the second."""
    seconds = max(0, int(length.total_seconds()))
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    if days:
        units = [(days, "duration-day"), (hours, "duration-hour")]
        return " ".join(format_unit(number, unit, "long", locale=language.babel) for number, unit in units if number)
    clock = f"{seconds // 60:02}:{seconds % 60:02}"
    return f"{hours:02}:{clock}" if hours else clock


def _remaining_at(language: Texts, now: datetime) -> Callable[[datetime], str]:
    return lambda moment: remaining(language, moment - now)


def _safe_link(link: str | None) -> str:
    """Return the link if it may stand in an href, else nothing: whatever came in by a message is looked at again."""
    return link if link is not None and is_safe_link(link) else ""


def _clock(language: Texts, moment: datetime, zone: str) -> Markup:
    """Return a time of day that scripts put into the reader's own zone; without them the zone is named."""
    words = f"{language.clock(moment, zone)} ({language.zone_name(zone, moment)})"
    return Markup('<time data-clock datetime="{}">{}</time>').format(moment.isoformat(), words)


@lru_cache
def environment(locale: str) -> Environment:
    """Return the templates in one language."""
    language = texts(locale)
    found = Environment(
        loader=FileSystemLoader(PACKAGE / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    found.filters["safe_link"] = _safe_link
    found.globals |= {
        "texts": language,
        "clock": partial(_clock, language),
        "asset": asset,
        "languages": LANGUAGES,
        "fresh_id": lambda: str(uuid4()),
        "badge_of": words.badge_of,
        "status_words": partial(words.status_words, language),
        "delivery_words": lambda one: words.delivery_words(language, one.recipient, one.step, one.state),
        "step_words": lambda one: words.step_words(language, one.recipient, one.step),
        "reason_words": partial(words.reason_words, language),
        "attendance_words": partial(verdicts.attendance_words, language),
        "verdict_words": partial(verdicts.verdict_words, language),
        "state_words": lambda state: language.gettext(words.DELIVERY_STATES.get(state, state)),
        "completed_words": partial(verdicts.completed_words, language),
        "role_names": {role.value: language.gettext(name) for role, name in words.ROLES.items()},
    }
    return found


def language_of(request: Request) -> Texts:
    """Return the viewer's language."""
    return texts(viewer_of(request).locale)


def role_name(language: Texts, role: Role | None) -> str:
    return "" if role is None else language.gettext(words.ROLES[role])


def signup_address(request: Request) -> str:
    """Return where "book a place" leads: the sign-up of the house, with the referral carried along, or our page."""
    address = parts_of(request).settings.signup_url
    if not address:
        return "/signup/"
    ref = safe_referral(request.query_params.get("ref")) or safe_referral(cookie_value(request.scope, REFERRAL_COOKIE))
    return f"{address}{'&' if '?' in address else '?'}ref={quote(ref)}" if ref else address


def now_of(request: Request) -> datetime:
    return parts_of(request).clock.now()


def _common(request: Request) -> dict[str, Any]:
    parts, viewer, now = parts_of(request), viewer_of(request), now_of(request)
    language = texts(viewer.locale)
    return {
        "viewer": viewer,
        "can": lambda name: viewer.may(Capability(name)),
        "csrf_token": viewer.csrf_token,
        "path": request.url.path,
        "here": page_address(request),
        "base_url": parts.settings.origin,
        "now": now,
        "remaining": _remaining_at(language, now),
        "signup_address": signup_address(request),
        "organiser_contact": parts.settings.organiser_contact,
        "notice": words.done_notice(language, request.query_params.get("done")),
    }


def render(request: Request, template: str, **context: Any) -> str:
    """Return a template filled in for this request's viewer."""
    return environment(viewer_of(request).locale).get_template(template).render(_common(request) | context)


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page made from a template."""
    return HTMLResponse(render(request, template, **context), status)


def fill(locale: str, template: str, now: datetime, **context: Any) -> Markup:
    """Return a part of a page that is the same for everybody who reads that language."""
    language = texts(locale)
    own = {"now": now, "remaining": _remaining_at(language, now)}
    return Markup(environment(locale).get_template(template).render(own | context))  # noqa: S704 - escaped by Jinja


def is_part(request: Request, name: str) -> bool:
    """Whether a script asks for that part of the page alone (header `X-Part`)."""
    return request.headers.get("x-part") == name


def part(request: Request, template: str, name: str, **context: Any) -> HTMLResponse | None:
    """Return a part of a page for a script that asked for that part alone, else None."""
    return page(request, template, **context) if is_part(request, name) else None
