"""room-ui on a database of its own."""

from collections.abc import Awaitable, Callable

import pytest
from room_ui.testing import Web, open_web
from servicekit.testing import ServiceUnderTest


@pytest.fixture
async def web(harness: Callable[..., Awaitable[ServiceUnderTest]]) -> Web:
    """Return the whole web application at noon, with nobody and nothing in it."""
    return await open_web(harness)
