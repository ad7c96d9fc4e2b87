"""The Chromium of this machine without a window, driven by Playwright: the book prints with it, tests look with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, sync_playwright

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FORMULAS = "async () => { if (window.MathJax && MathJax.startup) await MathJax.startup.promise; }"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts Chromium, which ends with the block."""
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=BINARY)


class Tab:
    """A page of the browser, with what it has asked for and complained about since it was visited.

    requests: addresses. complaints: failed requests, exceptions and console errors. options: of `Browser.new_page`.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda it: self.complaints.append(f"failed: {it.failure}: {it.url[:200]}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))
        self.page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def visit(self, address: str, *, seconds: float = 300) -> None:
        """Loads a page and waits until it has settled, its formulas included. Raises Playwright's TimeoutError."""
        self.page.goto("about:blank")
        self.requests.clear()
        self.complaints.clear()
        self.page.goto(address, timeout=1000 * seconds)
        self.page.evaluate(FORMULAS)
