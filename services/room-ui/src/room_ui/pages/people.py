"""People, for who may manage accounts: find, make, change, switch off and on, new links."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from contracts import Capability, ContactCard, ErrorCode, Role
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from room_ui import refusals
from room_ui.accounts.domain import AccountRefused, LastManagerRefused, checked_password, new_account
from room_ui.accounts.importing import words_of
from room_ui.accounts.repository import Account, Wanted
from room_ui.i18n import mark as _
from room_ui.pages.forms import original_of
from room_ui.pages.rendering import language_of, page
from room_ui.pages.words import Notice, field_words
from room_ui.refusals import Refusal
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()
PEOPLE_PER_PAGE = 100
FORM_FIELDS = ("login", "name", "role", "partner", "locale", "country", *ContactCard.model_fields)
LAST_MANAGER = _(
    "This is the last administrator who is switched on. Make somebody else an administrator first: "
    "somebody has to be able to manage accounts."
)
ONESELF = _("Nobody switches off their own account. Ask another administrator to do it.")

Managing = Annotated[Viewer, Depends(require(Capability.ACCOUNT_MANAGE))]


@dataclass(frozen=True)
class Way:
    """A one-time link to hand over: whose, and the address."""

    login: str
    address: str


def no_such_account() -> Refusal:
    return Refusal(404, ErrorCode.NOT_FOUND, "There is no such account.")


def _words(form: Mapping[str, Any]) -> dict[str, str]:
    """Return what stood in the fields; browsers make two characters of each end of a line."""
    return {name: value.replace("\r\n", "\n") for name in FORM_FIELDS if isinstance(value := form.get(name), str)}


async def _account(request: Request, account_id: str) -> Account:
    account = await parts_of(request).accounts.get(account_id)
    if account is None:
        raise no_such_account()
    return account


@router.get("/admin_webinar/people/")
async def people(request: Request, viewer: Managing, q: str = "", after: str = "") -> Response:
    """List accounts by login; `q` looks into logins and names, `role` and `state` (`on`, `off`) leave others out."""
    accounts = parts_of(request).accounts
    role, state = (request.query_params.get(name, "") for name in ("role", "state"))
    wanted = Wanted(
        search=q[:100].strip(),
        role=Role(role) if role in set(Role) else None,
        active={"on": True, "off": False}.get(state),
    )
    found = await accounts.list(wanted, after=after[:100], limit=PEOPLE_PER_PAGE + 1)
    following = found[PEOPLE_PER_PAGE - 1].login if len(found) > PEOPLE_PER_PAGE else None
    asked = {"q": wanted.search, "role": wanted.role or "", "state": "" if wanted.active is None else state}
    return page(
        request,
        "desk/people.html",
        people=found[:PEOPLE_PER_PAGE],
        count=await accounts.count(wanted),
        asked={name: value for name, value in asked.items() if value},
        after=after,
        following=following,
    )


@router.get("/admin_webinar/people/new")
async def new_person(request: Request, viewer: Managing) -> Response:
    """The form for a new account."""
    values = dict.fromkeys(FORM_FIELDS, "") | {"role": "candidate", "locale": viewer.locale}
    return await _person_page(request, None, values=values)


@router.post("/admin_webinar/people/new")
async def add_person(request: Request, viewer: Managing) -> Response:
    """Make the account; without a password it gets a link that signs in once, shown now and never again."""
    form = await request.form()
    values = dict.fromkeys(FORM_FIELDS, "") | _words(form)
    accounts = parts_of(request).accounts
    password = form.get("password")
    try:
        added = await accounts.add(
            new_account(values), password=password if isinstance(password, str) and password else None
        )
    except AccountRefused as refused:
        return await _refused(request, refused, values)
    ways = [Way(added.login, accounts.link_address(added.link_token))] if added.link_token else []
    return page(request, "desk/people_made.html", made=1, changed=0, ways=ways)


@router.get("/admin_webinar/people/{account_id}")
async def person(request: Request, account_id: str, viewer: Managing) -> Response:
    """The form with an account's fields."""
    return await _person_page(request, await _account(request, account_id))


async def _person_page(
    request: Request,
    account: Account | None,
    *,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    notice: str | None = None,
    code: str = ErrorCode.INVALID_FIELD,
    status: int = 200,
) -> Response:
    devices = await parts_of(request).accounts.open_sessions(account.account_id) if account else 0
    context: dict[str, Any] = {"notice": Notice("bad", notice, code)} if notice else {}
    known = words_of(account) if account else {}
    return page(
        request,
        "desk/person.html",
        status=status,
        values=values or known,
        original=json.dumps(known, ensure_ascii=False),
        errors=errors or {},
        account=account,
        devices=devices,
        **context,
    )


@router.post("/admin_webinar/people/{account_id}")
async def change_person(request: Request, account_id: str, viewer: Managing) -> Response:
    """Change what differs from what the page showed (`original`); a password only when one was typed.

    What somebody else has changed since the page was made is left alone.
    """
    form = await request.form()
    words, original = _words(form), original_of(str(form.get("original", ""))) or {}
    edited = {name: word for name, word in words.items() if word != original.get(name)}
    accounts = parts_of(request).accounts
    account = await _account(request, account_id)
    password = str(form.get("password", ""))
    try:
        if password:
            # Judged before anything is written, so that a refused form has changed nothing.
            checked_password(password)
        await accounts.edit(account_id, edited)
        if password:
            keep = viewer.session_id if account_id == viewer.account_id else None
            await accounts.set_password(account_id, password, keep_session=keep)
    except AccountRefused as refused:
        account = await _account(request, account_id)
        values = words_of(account) | edited | {"login": account.login}
        return await _refused(request, refused, values, account)
    return RedirectResponse("/admin_webinar/people/?done=saved", 303)


async def _refused(
    request: Request, refused: AccountRefused, values: Mapping[str, str], account: Account | None = None
) -> Response:
    language = language_of(request)
    is_last = isinstance(refused, LastManagerRefused)
    words = language.gettext(LAST_MANAGER) if is_last else field_words(language, refused.field)
    return await _person_page(request, account, values=values, errors={refused.field: words}, notice=words, status=422)


@router.post("/admin_webinar/people/{account_id}/{switch}")
async def switch_person(request: Request, account_id: str, switch: str, viewer: Managing) -> Response:
    """Switch an account off (its sessions and streams end) or on, after a question; or make a one-time link."""
    if switch == "link":
        return await _link(request, account_id)
    if switch not in {"activate", "deactivate"}:
        raise refusals.invalid("This button means nothing.")
    account, language = await _account(request, account_id), language_of(request)
    if switch == "deactivate" and account_id == viewer.account_id:
        notice = language.gettext(ONESELF)
        return await _person_page(request, account, notice=notice, code=ErrorCode.FORBIDDEN, status=403)
    form = await request.form()
    if form.get("confirm") != "confirm":
        return page(request, "desk/person_confirm.html", account=account, switch=switch)
    try:
        await parts_of(request).accounts.set_active(account_id, active=switch == "activate")
    except LastManagerRefused:
        notice = language.gettext(LAST_MANAGER)
        return await _person_page(request, account, notice=notice, code=ErrorCode.FORBIDDEN, status=409)
    done = "account-on" if switch == "activate" else "account-off"
    return RedirectResponse(f"/admin_webinar/people/?done={done}", 303)


async def _link(request: Request, account_id: str) -> Response:
    accounts = parts_of(request).accounts
    account = await _account(request, account_id)
    ways = [Way(account.login, accounts.link_address(await accounts.new_link(account_id)))]
    return page(request, "desk/people_made.html", made=0, changed=0, ways=ways)
