"""The pages that people see; made of templates on the server, moved by small scripts."""

from fastapi import APIRouter

from room_ui.pages import account, desk, desk_actions, messages, people, people_import, public, reports, room
from room_ui.pages.errors import error_page

__all__ = ["error_page", "routers"]


def routers() -> list[APIRouter]:
    """Return the routers of all pages; those with fixed addresses before those with a webinar's id in theirs."""
    return [
        page.router for page in (public, account, room, reports, people, people_import, messages, desk_actions, desk)
    ]
