"""What has changed in the contracts since their last release, and how the next one is made."""

from contracts.release.compatibility import Change, changes
from contracts.release.present import present_schemas
from contracts.schemas import newest_schemas


def changes_since_release() -> list[Change]:
    """Return how the present code differs from the last release; those that break others first."""
    return sorted(changes(newest_schemas(), present_schemas()), key=lambda change: not change.breaks)


__all__ = ["Change", "changes", "changes_since_release", "present_schemas"]
