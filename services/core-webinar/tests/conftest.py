"""The service on a database of its own."""

from collections.abc import Awaitable, Callable

import pytest
from core_webinar.main import create_service
from core_webinar.settings import CoreWebinarSettings
from core_webinar.testing import NOON
from servicekit.testing import ServiceUnderTest


@pytest.fixture
async def core(harness: Callable[..., Awaitable[ServiceUnderTest]]) -> ServiceUnderTest:
    """Return core-webinar an hour before noon."""
    under_test = await harness(create_service, CoreWebinarSettings, now=NOON)
    under_test.clock.advance(-3600)
    return under_test
