"""axe-core, which finds what keeps people with disabilities out of a page."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, TimeoutError

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
MARKED = "[...document.querySelectorAll('pre')].every((e) => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)"
HINDRANCES = ("serious", "critical")


def violations(page: Page, *, rules: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical findings on the open page, a line each; of some rules only, or of the WCAG 2.2 AA ones.

    The page is thinned first, and is good for nothing else afterwards.
    """
    page.evaluate(THIN)
    with suppress(TimeoutError):  # the theme marks code that scrolls a moment after the size has changed
        page.wait_for_function(MARKED, timeout=5_000)
    wanted = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": STANDARDS}
    options: dict[str, Any] = {"runOnly": wanted, "resultTypes": ["violations"], "preload": False}
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for one in Axe().run(page, options=options).response["violations"] if one["impact"] in HINDRANCES
        for node in one["nodes"]
    ]  # fmt: skip
