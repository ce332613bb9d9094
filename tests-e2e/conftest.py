"""Fixtures of the stories. One system and one Chromium for all; people and webinars for each story of its own."""

import inspect
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from local_stack.chromium import chromium
from local_stack.servers import Servers, private_servers
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from world.desk import Desk
from world.people import Cast
from world.rooms import Browsers
from world.system import World, running_world
from world.telegram import Telegram
from world.wire import Wire


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run asynchronous tests first: once Playwright's synchronous interface runs, the thread's loop is taken.

    Side by side (`--dist loadgroup`) all stories of the one system stay together, and what has servers of its own is
    told beside them, a file at a time.
    """
    items.sort(key=lambda item: not inspect.iscoroutinefunction(getattr(item, "function", None)))
    for item in items:
        shares = "the_world" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("the world" if shares else item.path.stem))
        # The first story waits for servers, services and people, too.
        item.add_marker(pytest.mark.timeout(240))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the services said last, and where pictures of the open pages are."""
    report = yield
    found = getattr(item, "funcargs", {})
    if report.failed and isinstance(world := found.get("world"), World):
        report.sections.append(("last log lines", world.last_words()))
    if report.failed and isinstance(browsers := found.get("browsers"), Browsers):
        try:
            pictures = browsers.photograph(found["tmp_path"] / "pictures")
        except PlaywrightError as error:
            report.sections.append(("pictures", str(error)))
        else:
            report.sections.append(("pictures", "\n".join(map(str, pictures))))
    return report


@pytest.fixture(scope="session")
def own_servers(servers: Servers) -> Iterator[Servers]:
    """Servers that may be seeded and crashed: never those that somebody named."""
    if servers.kind != "named":
        yield servers
        return
    with private_servers() as own:
        yield own


@pytest.fixture(scope="session")
def the_world(own_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The whole running system; at the end nothing may have gone wrong that no story announced."""
    with running_world(own_servers, tmp_path_factory.mktemp("world") / "stack") as world:
        yield world
        complaints = world.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def world(the_world: World) -> Iterator[World]:
    """The running system; what a story leaves on the air is stopped after it."""
    yield the_world
    the_world.stop_what_runs()


@pytest.fixture
def wire(world: World) -> Wire:
    """Everything that is said on the exchange."""
    return world.wire


@pytest.fixture
def cast(world: World) -> Cast:
    """The people."""
    return world.cast


@pytest.fixture
def desk(world: World) -> Desk:
    """The speaker's desk."""
    return world.desk


@pytest.fixture
def telegram(world: World) -> Telegram:
    """The sandbox in Telegram's place."""
    return world.telegram


@pytest.fixture(scope="session")
def the_browser() -> Iterator[Browser]:
    """One Chromium for all stories."""
    program = chromium()
    with sync_playwright() as playwright:
        # Chromium does not sandbox itself for root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def browsers(the_browser: Browser, world: World, tmp_path: Path) -> Iterator[Browsers]:
    """Browsers for one story; none of the pages' scripts may have thrown."""
    del tmp_path  # for the pictures of a failure
    opened = Browsers(the_browser, world.base_url)
    yield opened
    opened.close()
    assert not opened.complaints, "\n".join(opened.complaints)
