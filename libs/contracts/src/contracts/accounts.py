"""Accounts as other services may know them, roles and capabilities."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.base import AccountId, OpaqueId, Snapshot, Value, Version


class Role(StrEnum):
    """The four roles; a visitor without a session is a guest. There is no moderator."""

    ADMIN = "admin"
    SPEAKER = "speaker"
    PARTNER = "partner"
    CANDIDATE = "candidate"


class Capability(StrEnum):
    """A right that code asks for; code never asks for a role."""

    SCHEDULE_VIEW = "schedule_view"
    WEBINAR_JOIN = "webinar_join"
    WEBINAR_PARTICIPATE = "webinar_participate"
    WEBINAR_MANAGE = "webinar_manage"
    WEBINAR_MANAGE_STATUS = "webinar_manage_status"
    WEBINAR_MANAGE_CTA = "webinar_manage_cta"
    WEBINAR_CONFIGURE = "webinar_configure"
    REPORT_VIEW = "report_view"
    REPORT_VIEW_OWN_CANDIDATES = "report_view_own_candidates"
    ACCOUNT_MANAGE = "account_manage"
    TEMPLATE_MANAGE = "template_manage"


_EVERYONE = frozenset({Capability.SCHEDULE_VIEW})
_MEMBERS = _EVERYONE | {Capability.WEBINAR_JOIN}
_HOSTS = _MEMBERS | {
    Capability.WEBINAR_MANAGE,
    Capability.WEBINAR_MANAGE_STATUS,
    Capability.WEBINAR_MANAGE_CTA,
    Capability.REPORT_VIEW,
}

CAPABILITIES: dict[Role | None, frozenset[Capability]] = {
    None: _EVERYONE,
    Role.CANDIDATE: _MEMBERS | {Capability.WEBINAR_PARTICIPATE},
    Role.PARTNER: _MEMBERS | {Capability.WEBINAR_PARTICIPATE, Capability.REPORT_VIEW_OWN_CANDIDATES},
    Role.SPEAKER: _HOSTS,
    Role.ADMIN: _HOSTS | {Capability.WEBINAR_CONFIGURE, Capability.ACCOUNT_MANAGE, Capability.TEMPLATE_MANAGE},
}
"""What each role may do; `None` is a guest."""


class ContactCard(Value):
    """What a partner chose to show to their candidates."""

    telegram: str | None = Field(default=None, max_length=64, description="a user name without the @")
    phone: str | None = Field(default=None, max_length=40, description="as the partner wrote it")
    link: str | None = Field(default=None, max_length=500, description="https")
    photo_url: str | None = Field(default=None, max_length=500, description="https")
    note: str | None = Field(default=None, max_length=500, description="plain text")


class AccountEvent(Snapshot):
    """An account as it is, without password, hash, e-mail or login; a participant's `account_id` is the `lead_id`.

    When: after every change of an account, and again when `snapshot_requested` asks for it.
    Guarantees: the whole account each time; `version` only grows. Stays inside the platform: it names a person.
    """

    meaning: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: AccountId
    version: Version
    display_name: str = Field(min_length=1, max_length=200, description="the name shown in rooms and messages")
    role: Role = Field(description="decides the capabilities")
    partner_id: OpaqueId | None = Field(default=None, description="the account of the partner who invited this one")
    locale: str = Field(default="ru", max_length=16, description="the language of pages and messages, `ru` or `en`")
    country: str | None = Field(default=None, max_length=2, description="ISO 3166-1 alpha-2")
    contact: ContactCard = Field(default=ContactCard(), description="what a partner shows to their candidates")
    active: bool = Field(default=True, description="false: signed out everywhere, gets no messages; its facts stay")
