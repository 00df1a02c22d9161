"""A real Chromium, the accessibility checker, and the service of `tests/consent`.

Both are skipped, with a line that says how to install them, where they are not there.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from consent.conftest import emulator, running_site, site

__all__ = ["emulator", "running_site", "site"]

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_AXE = Path(__file__).parents[2] / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 30_000

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of this machine, without a window.

    For a module, not longer: Playwright keeps an event loop running in this thread, and asyncio tests could not begin.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium is installed: `apt-get install chromium`, then run this again")
    # Containers run as root without the kernel's user namespaces that Chromium's sandbox wants.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens pages, each in a browser profile of its own; the emulator's authority is not known to Chromium."""
    contexts: list[BrowserContext] = []

    def open_page(url: str, *, scheme: str = "light", script: bool = True, width: int = 1000) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True,
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
            viewport={"width": width, "height": 900},
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of the accessibility checker."""
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: `make browser`, then run this again")
    return _AXE.read_text(encoding="utf-8")


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keeps a screenshot, for people: in the folder that SCREENSHOTS names, else with the test."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))

    def shoot(page: Page, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return shoot
