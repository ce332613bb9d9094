"""Fixtures: the service on a database of its own, and the sandbox that plays Telegram."""

from collections.abc import AsyncIterator

import pytest
from post_webinar.main import create_service
from post_webinar.settings import PostWebinarSettings
from servicekit.testing import Harness, ServiceUnderTest
from telegram_sandbox.server import Sandbox, running_sandbox


@pytest.fixture
async def served() -> AsyncIterator[tuple[Sandbox, str]]:
    async with running_sandbox() as found:
        yield found


@pytest.fixture
def sandbox(served: tuple[Sandbox, str]) -> Sandbox:
    return served[0]


@pytest.fixture
def settings(served: tuple[Sandbox, str], service: ServiceUnderTest) -> PostWebinarSettings:
    """The service's settings with a bot that the sandbox knows."""
    changes = {"telegram_bot_token": "123456:any-token-will-do", "telegram_api_url": served[1]}
    return PostWebinarSettings(**(service.service.settings.model_dump() | changes))


@pytest.fixture
async def service(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, PostWebinarSettings, base_url="https://webinars.example")
