"""The interactive figure: its ranks survive their code, and the browser's numbers are those of `evaluation.sampled`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page

from audit_lib.evaluation.counts import SAMPLINGS, Counts
from audit_lib.evaluation.sampled import expectation
from audit_lib.files import COMMITTED, PROJECT
from audit_lib.study.plan import STUDY
from audit_lib.study.results import Book
from book.press import explorer
from book.press.browser import Tab

SCRIPT = PROJECT / "book" / "_static" / "sampled.js"
METRICS = ("Recall", "MRR", "NDCG")


# --- the code
@given(st.lists(st.integers(0, 5000), min_size=1))
def test_a_histogram_survives_its_code(values: list[int]) -> None:
    h = explorer.decode(explorer.encode(explorer.histogram(np.array(values))))
    assert np.repeat(h.value, h.count).tolist() == sorted(values)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with nothing but what the file of ranks follows from."""
    for name in ("book/evidence/SHA256SUMS", "book/study.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_equal_files_are_written_once_and_a_change_of_evidence_writes_them_anew(root: Path, monkeypatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(explorer, "publish", lambda book: calls.append(1) or {"toy": {"items": len(calls)}})
    first = explorer.ensure(root)
    before = first.read_bytes()
    assert explorer.read(explorer.ensure(root)) == {"toy": {"items": 1}}
    assert first.read_bytes() == before
    (root / "book/evidence/SHA256SUMS").write_text("y")
    assert explorer.read(explorer.ensure(root)) == {"toy": {"items": 2}}


# --- the numbers
@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[int, list[Counts], dict[str, Any]]]:
    """Committed evidence: items, counts by seed, and what is published of them."""
    book, found = Book(COMMITTED, STUDY), {}
    for dataset, wanted in (("seed_demo", "gru4rec"), ("entree", "markov"), ("foursquare_nyc", "vsknn")):
        these = next(r for (name, _), r in explorer.recommenders(book, dataset).items() if name == wanted)
        found[dataset] = these[0].n_items, [Counts.of_run(run) for run in these], explorer.summary(these)
    return found


@pytest.fixture(scope="module")
def page(tab: Tab, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page with nothing but the script."""
    path = tmp_path_factory.mktemp("script") / "page.html"
    path.write_text(f"<!doctype html><title>x</title><script src='{SCRIPT.as_uri()}'></script>")
    tab.visit(path.as_uri())
    return tab.page


@pytest.mark.browser
def test_the_browser_unpacks_what_was_published(page: Page, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"toy": {"items": 3, "runs": [{"ranks": [[0, 5], [1, 2]]}]}}
    monkeypatch.setattr(explorer, "publish", lambda book: content)
    script = explorer.ensure(root).read_text("utf8")
    assert page.evaluate(f"(() => {{ {script}; return sampled.unpack({explorer.VARIABLE}); }})()") == content


def in_browser(page: Page, published: dict[str, Any], requests: list[dict[str, Any]]) -> list[list[float]]:
    """[sampled, full] for each request."""
    return page.evaluate(f"""(() => {{
      const run = {{ ranks: sampled.decodeRanks({json.dumps(published["ranks"])}),
                     shares: sampled.decodeShares({json.dumps(published["shares"])}) }};
      return {json.dumps(requests)}.map((r) => [sampled.expectation(r)(run), sampled.full(run, r)]);
    }})()""")


def requests_for(items: int) -> list[dict[str, Any]]:
    sizes = (1, 5, 100, items - 60, items - 2, items - 1)
    return [
        {"metric": metric, "k": k, "n": n, "sampling": sampling, "items": items}
        for metric in METRICS for k in (1, 20, 100) for n in sizes for sampling in SAMPLINGS
    ]  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("dataset", ["seed_demo", "entree", "foursquare_nyc"])
def test_the_browser_computes_what_the_library_computes(page: Page, runs: dict[str, Any], dataset: str) -> None:
    items, counts, published = runs[dataset]
    asked = requests_for(items)
    for request, (value, full) in zip(asked, in_browser(page, published, asked), strict=True):
        metric, k, n, sampling = (request[key] for key in ("metric", "k", "n", "sampling"))
        expected = np.mean([expectation(c, metric, n=n, k=k, sampling=sampling).mean() for c in counts])
        truth = np.mean([expectation(c, metric, n=c.pool, k=k).mean() for c in counts])
        # Shares are published in cells: four digits, no more.
        assert value == pytest.approx(expected, abs=2e-5 if sampling == "popularity" else 1e-9), request
        assert full == pytest.approx(truth, abs=1e-9), request


@pytest.mark.browser
@pytest.mark.parametrize("sampling", ["uniform", "uniform-replacement"])
def test_the_laws_hold_at_their_edges(page: Page, sampling: str) -> None:
    items = 40_001
    above = np.array([0, 1, 97, 105, 120, 20_000, 39_999, 40_000, 40_001])  # the last is outside the catalogue
    shares = explorer.encode_shares(np.zeros(1))
    for n in (1, 99, 39_895, 39_999, 40_000):
        for k in (1, 100):
            asked = {"metric": "Recall", "k": k, "n": n, "sampling": sampling, "items": items}
            for a in above:
                ranks = explorer.encode(explorer.histogram(np.array([a])))
                ((value, _),) = in_browser(page, {"ranks": ranks, "shares": shares}, [asked])
                counts = Counts(np.array([a]), np.array([0]), items)
                (expected,) = expectation(counts, "Recall", n=n, k=k, sampling=sampling)
                assert value == pytest.approx(expected, abs=1e-8), (a, n, k)


@pytest.mark.browser
def test_a_share_of_nothing_and_of_everything(page: Page) -> None:
    shares = explorer.encode_shares(np.array([0.0, 1.0]))
    asked = {"metric": "Recall", "k": 3, "n": 10, "sampling": "popularity", "items": 50}
    ((value, _),) = in_browser(page, {"ranks": [[0], [2]], "shares": shares}, [asked])
    assert value == pytest.approx(0.5, abs=1e-9)


@pytest.mark.browser
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_target_outside_the_catalogue_is_a_miss_even_among_fewer_negatives_than_the_list_holds(
    page: Page, sampling: str
) -> None:
    supports = {"support_above": np.array([0, 49]), "support_equal": np.array([0, 0]), "support": np.array([9, 0])}
    counts = Counts(np.array([0, 50]), np.array([0, 0]), 50, **supports, support_total=49)
    published = {
        "ranks": explorer.encode(explorer.histogram(counts.above)),
        "shares": explorer.encode_shares(np.add(*counts.shares("popularity"))[~counts.missed]),
    }
    asked = {"metric": "Recall", "k": 20, "n": 10, "sampling": sampling, "items": 50}
    ((value, full),) = in_browser(page, published, [asked])
    assert value == pytest.approx(0.5, abs=1e-9)
    assert full == 0.5
    assert expectation(counts, "Recall", n=10, k=20, sampling=sampling).tolist() == [1.0, 0.0]


def test_the_words_of_both_languages_have_the_same_gaps() -> None:
    both = [explorer.words(lang) for lang in ("en", "es")]
    gaps = [{key: sorted(re.findall(r"\{\w+\}|#", "".join(said))) for key, said in words.items()} for words in both]
    assert gaps[0] == gaps[1]
    assert sum(map(bool, gaps[0].values())) > 5
