"""What Core knows of accounts: enough to tell who may speak."""

from dataclasses import dataclass

from contracts import CAPABILITIES, Capability, Role


@dataclass(frozen=True, slots=True)
class Account:
    """An account as last heard of."""

    account_id: str
    version: int
    role: Role
    display_name: str
    active: bool

    @property
    def may_speak(self) -> bool:
        """Whether it can be a webinar's speaker."""
        return self.active and Capability.WEBINAR_MANAGE in CAPABILITIES[self.role]
