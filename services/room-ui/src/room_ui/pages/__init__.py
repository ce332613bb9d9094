"""The pages that people see; made of templates on the server, moved by small scripts."""

from fastapi import APIRouter

from room_ui.pages import (
    account,
    desk,
    desk_actions,
    events,
    messages,
    people,
    people_import,
    previews,
    public,
    report_csv,
    reports,
    room,
)
from room_ui.pages.errors import error_page

__all__ = ["error_page", "routers"]


def routers() -> list[APIRouter]:
    """Return the routers of all pages; those with fixed addresses before those with a webinar's id in theirs."""
    pages = (
        public,
        account,
        room,
        reports,
        report_csv,
        people,
        people_import,
        messages,
        events,
        previews,
        desk_actions,
        desk,
    )
    return [page.router for page in pages]
