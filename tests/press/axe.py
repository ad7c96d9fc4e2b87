"""axe-core, which finds what keeps people with disabilities out of a page: fetched once, verified by hash, cached.

It comes in a wheel of the Python package index, of which nothing else is used or installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from book.press.browser import Browser
from book.press.mathjax import sha256

WHEEL = ("axe-playwright-python==0.1.8", "axe_playwright_python/axe.min.js")  # axe-core 4.12.1
SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
THEME = ("color-contrast", "link-in-text-block")  # what a theme can change
# One or two of each kind are enough, and axe takes minutes over a page with thousands: rows of a table, words of the
# same style in the same place, tokens of code, the paths of a formula. A row stays if it holds a kind of link that none
# before it had, and what names a link or a control stays whole.
THIN = """(() => {
  const still = document.createElement("style");  // colours are read as they end up, not on their way there
  still.textContent = "*, ::before, ::after { transition: none !important; animation: none !important; }";
  document.head.append(still);
  const links = new Set(), kinds = new Map();
  const fresh = (row) => [...row.querySelectorAll("a, button, span[class]")].filter((e) => {
    const known = links.has(e.className); links.add(e.className); return !known; }).length;
  document.querySelectorAll("tbody").forEach((body) => [...body.rows].forEach((row, i) => {
    if (!fresh(row) && i > 1) row.remove(); }));
  document.querySelectorAll("mjx-container svg").forEach((picture) => picture.replaceChildren());
  const place = (e, depth) => e && depth ? `${e.tagName}.${e.className} ${place(e.parentElement, depth - 1)}` : "";
  document.querySelectorAll(".bd-article :is(p, li, dd, span, code, em, strong, b):not(:has(*))").forEach((word) => {
    if (word.closest("a, button, label, summary, th, [role], [aria-label]")) return;
    const kind = place(word, 5), known = kinds.get(kind) || 0;
    kinds.set(kind, known + 1);
    if (known > 1) word.remove(); });
})()"""
HINDRANCES = ("serious", "critical")


def script(root: Path) -> str | None:
    """axe-core's text, from the project's cache or the package index; None if neither has it.

    Raises ValueError if it is not the file that was expected.
    """
    cached = root / ".audit-cache" / "axe-core" / "axe.min.js"
    if not cached.is_file():
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, WHEEL[0]]
            if subprocess.run(pip, capture_output=True, check=False).returncode:
                return None
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                found = Path(wheel.extract(WHEEL[1], folder))
            cached.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, cached)
    if sha256(cached) != SHA256:
        raise ValueError(f"'{cached}' has sha256 {sha256(cached)}, expected {SHA256}. Remove it.")
    return cached.read_text("utf8")


def violations(tab: Browser, axe: str, *, rules: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical findings on the open page, a line each; of some rules only, or of the WCAG 2.2 AA ones.

    The page is thinned first, and is good for nothing else afterwards.
    """
    if not tab.run("'axe' in window"):
        tab.run(f"{THIN};{axe};0")
    wanted = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": STANDARDS}
    options: dict[str, Any] = {"runOnly": wanted, "resultTypes": ["violations"], "preload": False}
    call = f"axe.run(document, {json.dumps(options)}).then(r => JSON.stringify(r.violations))"
    found = json.loads(tab.run(call, seconds=300))
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for one in found if one["impact"] in HINDRANCES for node in one["nodes"]
    ]  # fmt: skip
