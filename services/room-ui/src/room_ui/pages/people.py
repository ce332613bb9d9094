"""People, for who may manage accounts: list, make, switch off and on, new links, import from a CSV file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from contracts import Capability, ContactCard, ErrorCode
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from room_ui import refusals
from room_ui.accounts.domain import AccountRefused, checked_password, new_account
from room_ui.accounts.importing import COLUMNS, ImportPreview, ImportRow
from room_ui.i18n import Texts
from room_ui.pages.rendering import language_of, page
from room_ui.pages.words import Notice, field_words, import_words
from room_ui.refusals import Refusal
from room_ui.viewer import Viewer
from room_ui.web import form_of, parts_of, require

router = APIRouter()
PEOPLE_PER_PAGE = 100
LARGEST_FILE = 1024 * 1024
FORM_FIELDS = ("login", "name", "role", "partner", "locale", "country", *ContactCard.model_fields)

Managing = Annotated[Viewer, Depends(require(Capability.ACCOUNT_MANAGE))]


@dataclass(frozen=True)
class Way:
    """A one-time link to hand over: whose, and the address."""

    login: str
    address: str


def no_such_account() -> Refusal:
    return Refusal(404, ErrorCode.NOT_FOUND, "There is no such account.")


def _words(form: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in names if isinstance(value := form.get(name, ""), str)}


@router.get("/admin_webinar/people/")
async def people(request: Request, viewer: Managing, q: str = "", after: str = "") -> Response:
    """List accounts by login; `q` looks into logins and names."""
    found = await parts_of(request).accounts.list(search=q[:100], after=after[:100], limit=PEOPLE_PER_PAGE + 1)
    following = found[PEOPLE_PER_PAGE - 1].login if len(found) > PEOPLE_PER_PAGE else None
    return page(
        request, "desk/people.html", people=found[:PEOPLE_PER_PAGE], q=q[:100], after=after, following=following
    )


@router.get("/admin_webinar/people/new")
async def new_person(request: Request, viewer: Managing) -> Response:
    """The form for a new account."""
    values = dict.fromkeys(FORM_FIELDS, "") | {"role": "candidate", "locale": viewer.locale}
    return page(request, "desk/person.html", values=values, errors={}, account=None)


@router.post("/admin_webinar/people/new")
async def add_person(request: Request, viewer: Managing) -> Response:
    """Make the account; without a password it gets a link that signs in once, shown now and never again."""
    form = await request.form()
    values = dict.fromkeys(FORM_FIELDS, "") | _words(form, FORM_FIELDS)
    accounts = parts_of(request).accounts
    password = form.get("password")
    try:
        added = await accounts.add(
            new_account(values), password=password if isinstance(password, str) and password else None
        )
    except AccountRefused as refused:
        return _refused(request, refused, values, None)
    ways = [Way(added.login, accounts.link_address(added.link_token))] if added.link_token else []
    return page(request, "desk/people_made.html", count=1, ways=ways)


@router.get("/admin_webinar/people/{account_id}")
async def person(request: Request, account_id: str, viewer: Managing) -> Response:
    """The form with an account's fields."""
    accounts = parts_of(request).accounts
    account = await accounts.get(account_id)
    if account is None:
        raise no_such_account()
    partner = await accounts.get(account.partner_id) if account.partner_id else None
    values = {name: value or "" for name, value in account.contact.model_dump().items()} | {
        "login": account.login,
        "name": account.display_name,
        "role": account.role.value,
        "partner": partner.login if partner else "",
        "locale": account.locale,
        "country": account.country or "",
    }
    return page(request, "desk/person.html", values=values, errors={}, account=account)


@router.post("/admin_webinar/people/{account_id}")
async def change_person(request: Request, account_id: str, viewer: Managing) -> Response:
    """Change an account's fields; a password only when one was typed."""
    form = await request.form()
    values = dict.fromkeys(FORM_FIELDS, "") | _words(form, FORM_FIELDS)
    accounts = parts_of(request).accounts
    account = await accounts.get(account_id)
    if account is None:
        raise no_such_account()
    password = str(form.get("password", ""))
    try:
        if password:
            # Judged before anything is written, so that a refused form has changed nothing.
            checked_password(password)
        await accounts.edit(account_id, dict(values))
        if password:
            keep = viewer.session_id if account_id == viewer.account_id else None
            await accounts.set_password(account_id, password, keep_session=keep)
    except AccountRefused as refused:
        return _refused(request, refused, values | {"login": account.login}, account)
    return RedirectResponse("/admin_webinar/people/?done=saved", 303)


def _refused(request: Request, refused: AccountRefused, values: Mapping[str, str], account: object) -> Response:
    words = field_words(language_of(request), refused.field)
    notice = Notice("bad", words, "invalid_field")
    context = {"values": values, "errors": {refused.field: words}, "account": account, "notice": notice}
    return page(request, "desk/person.html", status=422, **context)


@router.post("/admin_webinar/people/{account_id}/{switch}")
async def switch_person(request: Request, account_id: str, switch: str, viewer: Managing) -> Response:
    """Switch an account off (its sessions and streams end) or on, or make a link that signs in once."""
    accounts = parts_of(request).accounts
    try:
        if switch == "link":
            account = await accounts.get(account_id)
            address = accounts.link_address(await accounts.new_link(account_id))
            return page(
                request, "desk/people_made.html", count=0, ways=[Way(account.login if account else "", address)]
            )
        if switch not in {"activate", "deactivate"}:
            raise refusals.invalid("This button means nothing.")
        if switch == "deactivate" and account_id == viewer.account_id:
            raise refusals.forbidden("Nobody switches off their own account.")
        await accounts.set_active(account_id, active=switch == "activate")
    except AccountRefused as refused:
        raise no_such_account() from refused
    done = "account-on" if switch == "activate" else "account-off"
    return RedirectResponse(f"/admin_webinar/people/?done={done}", 303)


@router.get("/admin_webinar/people-import/")
async def import_form(request: Request, viewer: Managing) -> Response:
    """The form that takes a CSV file."""
    return page(request, "desk/import.html", preview=None, text="", columns=COLUMNS)


@router.post("/admin_webinar/people-import/")
async def import_people(request: Request, viewer: Managing) -> Response:
    """Show what a file would do; make the accounts after a second press, all of them or none."""
    form = await form_of(request)
    text = await _csv_text(form)
    accounts = parts_of(request).accounts
    language = language_of(request)
    if text is None:
        notice = Notice(
            "bad", language.gettext("This file cannot be read: a CSV file in UTF-8, at most 1 MB."), "invalid_field"
        )
        context: dict[str, Any] = {"preview": None, "text": "", "notice": notice}
        return page(request, "desk/import.html", status=422, columns=COLUMNS, **context)
    preview = await accounts.preview_import(text)
    if form.get("confirm") == "confirm" and preview.is_good:
        try:
            added = await accounts.import_csv(text)
        except AccountRefused:
            preview = await accounts.preview_import(text)
        else:
            ways = [Way(one.login, accounts.link_address(one.link_token)) for one in added if one.link_token]
            return page(request, "desk/people_made.html", count=len(added), ways=ways)
    return _preview_page(request, preview, text)


def _preview_page(request: Request, preview: ImportPreview, text: str) -> Response:
    language = language_of(request)
    context: dict[str, Any] = {
        "preview": preview,
        "text": text,
        "problem": import_words(language, preview.code, preview.detail) if preview.code else None,
        "problems": {row.line: _row_words(language, row) for row in preview.rows if row.problem},
        "columns": COLUMNS,
    }
    if not preview.is_good:
        words = language.gettext("Nothing was made: every row has to be right first.")
        context["notice"] = Notice("bad", words, "invalid_field")
    return page(request, "desk/import.html", status=200 if preview.is_good else 422, **context)


def _row_words(language: Texts, row: ImportRow) -> str:
    return import_words(language, row.code) if row.code else field_words(language, row.field or "")


async def _csv_text(form: FormData) -> str | None:
    """Return the text of the uploaded file, or the one that the preview carried; None when it cannot be read.

    What the preview carried is not measured again: browsers make two characters of each end of a line.
    """
    file, text = form.get("file"), form.get("text")
    if isinstance(file, UploadFile) and file.filename:
        content = await file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
    return text if isinstance(text, str) and text else None
