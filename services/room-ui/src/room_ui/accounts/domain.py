"""What an account may be, where a sign-in may lead: pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts import CAPABILITIES, AccountEvent, Capability, ContactCard, Role
from pydantic import ValidationError

LOCALES = ("ru", "en")
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
_LOGIN = re.compile(r"[a-z0-9._@+-]{1,100}")
_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_COUNTRY = re.compile(r"[A-Z]{2}")
_REFERRAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OUR_PAGES = ("/webinars/", "/live/", "/live_room/", "/account/", "/admin_webinar/", "/signup/")
_CARD_FIELDS = tuple(ContactCard.model_fields)


class AccountRefused(ValueError):
    """An account cannot be made or changed like this; `field` says where."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field = field_name
        self.message = message


class LastManagerRefused(AccountRefused):
    """Nobody would be left who may manage accounts."""

    def __init__(self) -> None:
        super().__init__("role", "nobody would be left who may manage accounts")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of; validated by `new_account`."""

    login: str
    display_name: str
    role: Role
    partner_login: str | None = None
    locale: str = "ru"
    country: str | None = None
    contact: ContactCard = field(default_factory=ContactCard)


def normal_login(login: str) -> str:
    """Return a login as it is kept and looked up: without spaces around, in lower case."""
    return login.strip().lower()


def new_account(given: Mapping[str, str | None], *, default_locale: str = "ru") -> NewAccount:
    """Return the account that the words of a form, a command line or a CSV row ask for.

    Keys: `login`, `name`, `role`, and if wanted `partner` (a login), `locale`, `country`, and the fields of a contact
    card. Raises `AccountRefused` for the first thing that is wrong; a role that is not known is never guessed.
    """
    words = {key: (value or "").strip() for key, value in given.items()}
    login = normal_login(words.get("login", ""))
    if not _LOGIN.fullmatch(login):
        raise AccountRefused("login", "1 to 100 of a-z, 0-9, . _ @ + -")
    name = words.get("name", "")
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise AccountRefused("name", "1 to 200 characters")
    if name == login or _EMAIL.search(name):
        # Everybody in a room reads it, and whoever knows a login has half of what a sign-in needs.
        raise AccountRefused("name", "others see it: neither the login nor an e-mail address")
    locale = words.get("locale") or default_locale
    if locale not in LOCALES:
        raise AccountRefused("locale", f"one of {', '.join(LOCALES)}")
    country = words.get("country", "").upper() or None
    if country is not None and not _COUNTRY.fullmatch(country):
        raise AccountRefused("country", "two letters, such as RU")
    return NewAccount(
        login=login,
        display_name=name,
        role=role_named(words.get("role", "")),
        partner_login=normal_login(words.get("partner", "")) or None,
        locale=locale,
        country=country,
        contact=contact_card({name: words.get(name) for name in _CARD_FIELDS}),
    )


def role_named(word: str) -> Role:
    """Return the role of that name; raises `AccountRefused` for any other word."""
    try:
        return Role(word.strip().lower())
    except ValueError:
        known = ", ".join(Role)
        raise AccountRefused("role", f"{word.strip()[:40]!r} is no role; the roles are {known}") from None


def contact_card(given: Mapping[str, str | None]) -> ContactCard:
    """Return a contact card; raises `AccountRefused` for a link that is not https or a value that is too long.

    An end of a line is one character, as forms count it, whatever it was sent as.
    """
    values: dict[str, Any] = {
        name: (value or "").replace("\r\n", "\n").replace("\r", "\n").strip() or None for name, value in given.items()
    }
    if values.get("telegram"):
        values["telegram"] = values["telegram"].removeprefix("https://t.me/").removeprefix("@")
        if not re.fullmatch(r"[A-Za-z0-9_]{3,64}", values["telegram"]):
            raise AccountRefused("telegram", "a Telegram user name, such as @anna_k")
    for name in ("link", "photo_url"):
        if values.get(name) and not re.fullmatch(r"https://[^\s/?#@]+\.[^\s/?#@]+([/?#]\S*)?", values[name]):
            raise AccountRefused(name, "an address that begins with https://")
    try:
        return ContactCard(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise AccountRefused(str(first["loc"][0]), first["msg"]) from None


def shown_card(given: Mapping[str, str | None]) -> ContactCard:
    """Return the card that is shown while it is being written: without what cannot be used as it is."""
    card = ContactCard()
    for name in _CARD_FIELDS:
        try:
            card = card.model_copy(update={name: getattr(contact_card({name: given.get(name)}), name)})
        except AccountRefused:
            continue
    return card


def manages(role: Role) -> bool:
    """Whether this role may manage accounts."""
    return Capability.ACCOUNT_MANAGE in CAPABILITIES[role]


def manages_accounts(account: AccountEvent) -> bool:
    """Whether this account may manage accounts, as it is."""
    return account.active and manages(account.role)


def checked_password(password: str) -> str:
    """Return the password; raises `AccountRefused` when it is too short or too long to be one."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountRefused("password", f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return password


def partner_refusal(account: NewAccount, partners: Collection[str]) -> str | None:
    """Return why the account's partner will not do, given the logins of active partners; None if it will."""
    if account.partner_login is None:
        return None
    if account.partner_login == account.login:
        return "an account is not its own partner"
    if account.partner_login not in partners:
        return f"{account.partner_login!r} is no active account with the role partner"
    return None


def safe_next(address: str | None) -> str | None:
    """Return where to go after signing in, if `address` is a page of ours; else None.

    It begins with one `/`, not with `//` or `/\\`, and with nothing in it that a browser would read as another host.
    """
    if not address or len(address) > 2000 or not address.startswith("/") or address[1:2] in {"/", "\\"}:
        return None
    if any(character <= " " or character in "\\\x7f" for character in address):
        return None
    path = address.split("?", 1)[0].split("#", 1)[0]
    if "/../" in f"{path}/" or "//" in path:
        return None
    return address if (path if path.endswith("/") else f"{path}/").startswith(_OUR_PAGES) else None


def safe_referral(word: str | None) -> str | None:
    """Return the referral word if it is one (`[A-Za-z0-9_-]{1,64}`), else None."""
    return word if word and _REFERRAL.fullmatch(word) else None
