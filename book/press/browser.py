"""A headless Chromium driven over its debugging pipe: no driver, no client library."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip


class NavigatedError(RuntimeError):
    """The page went elsewhere while a script ran in it."""


class Browser:
    """One tab. `visit` loads a page and gathers what it asked for and what it complained about."""

    def __init__(self, profile: Path) -> None:
        to_browser, self.sending = os.pipe()
        self.receiving, from_browser = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]

        def wire() -> None:  # the pipe is file descriptors 3 and 4, by definition of the flag
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        command = [str(BINARY), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, preexec_fn=wire, pass_fds=(3, 4), stdout=quiet, stderr=quiet)
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        os.set_blocking(self.receiving, False)
        self.buffer, self.number, self.session = b"", 0, None
        self.events: list[dict[str, Any]] = []
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.sending)
        os.close(self.receiving)

    def pump(self) -> None:
        """Read what has arrived; events go to `events`."""
        try:
            self.buffer += os.read(self.receiving, 1 << 20)
        except BlockingIOError:
            time.sleep(0.01)
        *whole, self.buffer = self.buffer.split(b"\0")
        self.events += [json.loads(message) for message in whole]

    def call(self, method: str, *, seconds: float = 60, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.sending, json.dumps(message).encode() + b"\0")
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            for event in self.events:
                if event.get("id") == self.number:
                    self.events.remove(event)
                    if "error" in event:
                        kind = NavigatedError if "navigated" in event["error"]["message"] else RuntimeError
                        raise kind(f"{method}: {event['error']}")
                    return event["result"]
            self.pump()
        raise TimeoutError(method)

    def run(self, script: str, *, seconds: float = 60) -> Any:
        """The value of a JavaScript expression, promises awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", seconds=seconds, expression=script, **options)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, condition: str, *, seconds: float = 30) -> bool:
        """Whether a JavaScript condition comes true in time."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            with contextlib.suppress(NavigatedError):
                if self.run(condition):
                    return True
            time.sleep(0.05)
        return False

    def visit(self, address: str, *, width: int = 1280, height: int = 900, seconds: float = 60) -> None:
        """Load a page at a given width and wait until it has settled, its formulas included."""
        self.resize(width, height)
        self.call("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'", seconds=seconds)
        formulas = "(async () => { if (window.MathJax && MathJax.startup) await MathJax.startup.promise; })()"
        self.run(formulas, seconds=seconds)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def of(self, method: str) -> list[dict[str, Any]]:
        """Parameters of the events of one kind since the page was asked for."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [event["request"]["url"] for event in self.of("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Failed requests, exceptions and console errors."""
        failed = [f"failed: {event['errorText']}" for event in self.of("Network.loadingFailed")]
        thrown = [f"thrown: {event['exceptionDetails']}" for event in self.of("Runtime.exceptionThrown")]
        console = [f"console: {e['args']}" for e in self.of("Runtime.consoleAPICalled") if e["type"] == "error"]
        logged = [f"log: {e['entry']['text']}" for e in self.of("Log.entryAdded") if e["entry"]["level"] == "error"]
        return failed + thrown + console + logged
