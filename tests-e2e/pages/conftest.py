"""Fixtures of the pages: one street of houses, and who walks through it."""

from collections.abc import Iterator

import pytest
from local_stack.servers import Servers
from playwright.sync_api import Browser

from pages.site import Street, Walker


@pytest.fixture(scope="session")
def street(servers: Servers) -> Iterator[Street]:
    """Houses on the servers of this run."""
    opened = Street(servers.database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def walker(the_browser: Browser, street: Street) -> Iterator[Walker]:
    """A browser in that street; none of the pages' scripts may have thrown, or met the pages' policy."""
    walker = Walker(the_browser, street)
    yield walker
    assert not walker.complaints, "\n".join(walker.complaints)
