"""Values that go into statements of more than one module."""

from contracts import CAPABILITIES, Capability


def roles_with(capability: Capability) -> list[str]:
    """Return the roles that have a right: statements ask for them by this and never by name."""
    return [role.value for role, rights in CAPABILITIES.items() if role is not None and capability in rights]


def containing(search: str) -> str:
    """Return the pattern of `like` that any text with `search` in it matches, whatever signs are in that."""
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
