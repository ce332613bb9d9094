"""Who looks at a page: `request.state.viewer`, set for every request."""

from dataclasses import dataclass
from typing import Self

from contracts import CAPABILITIES, Capability, Role
from servicekit import Actor

LOCALE_COOKIE = "wh_locale"
"""The visitor's choice of language (`ru` or `en`), set by the switch; a signed-in viewer's account goes before it."""
REFERRAL_COOKIE = "wh_ref"
"""Whose link brought the visitor; kept for 30 days and carried along to the sign-up."""
LOCALES = ("ru", "en")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in account, or a guest (`account_id` and `role` are None). Ask `may`, never the role."""

    account_id: str | None
    display_name: str
    role: Role | None
    capabilities: frozenset[Capability]
    locale: str
    partner_id: str | None
    session_id: str | None
    csrf_token: str
    """Belongs into every form as the hidden field `csrf_token`, or into the header `X-CSRF-Token`."""

    @classmethod
    def guest(cls, locale: str, csrf_token: str = "") -> Self:
        """Return a visitor without a session."""
        return cls(None, "", None, CAPABILITIES[None], locale, None, None, csrf_token)

    @property
    def is_guest(self) -> bool:
        return self.account_id is None

    @property
    def is_host(self) -> bool:
        """Whether the viewer joins rooms without being counted, classified or messaged."""
        return not self.is_guest and not self.may(Capability.WEBINAR_PARTICIPATE)

    def may(self, capability: Capability) -> bool:
        return capability in self.capabilities

    def command_actor(self) -> Actor:
        """Return the actor in whose name a command is signed; raises `ValueError` for a guest."""
        if self.account_id is None:
            raise ValueError("a guest sends no commands")
        return Actor(self.account_id, self.capabilities)
