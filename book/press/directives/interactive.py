"""`{explorer}`: controls that show sampled metrics beside full ones, computed in the browser; a figure for the rest.

Its content is the caption of the figure, which is drawn here and shown where JavaScript does not run, and in print.
`book.press.explorer` publishes the ranks and has the words; only pages with the directive load the scripts.
"""

from __future__ import annotations

import base64
import json
import zlib
from html import escape
from typing import Any

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from audit_lib.errors import unknown
from audit_lib.evaluation.metrics import K
from audit_lib.show import figures
from audit_lib.show import words as labels
from audit_lib.show.csv import csv_text
from audit_lib.stages import evaluation
from book.press import explorer
from book.press.directives import data_files

SCRIPTS = ("ranks.js", "sampled.js", "explorer.js")
METRICS = ("Recall", "MRR", "NDCG")
SAMPLINGS = ("uniform", "uniform-replacement", "popularity")


def control(label: str, html: str, *, note: str = "") -> str:
    """A labelled control."""
    return f"<label><span>{escape(label)}</span>{html}{note}</label>"


def select(name: str, options: dict[str, str]) -> str:
    """A list to choose from: text by value."""
    inside = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    return f'<select name="{name}">{inside}</select>'


def tool(published: dict[str, Any], *, dataset: str, lang: str) -> str:
    """The controls and the places that the script fills; hidden until it runs."""
    words = explorer.words(lang)
    runs = [run for data in published.values() for run in data["runs"]]
    names = {run["recommender"]: labels.name_of(run["recommender"], lang) for run in runs}
    kinds = {run["settings"]: labels.translator(lang)(run["settings"]) for run in runs if run["settings"]}
    text = json.dumps(words | {"recommenders": names, "settings": kinds}, ensure_ascii=False).replace("</", "<\\/")
    number = '<input type="number" name="{}" min="1" max="{}" value="{}" inputmode="numeric">'
    fields = [
        control(words["dataset"], select("dataset", {name: labels.data_name(name, lang) for name in published})),
        control(words["recommender"], select("recommender", {})),
        control(words["metric"], select("metric", {name: name for name in METRICS})),
        control(words["cutoff"], number.format("k", 100, K)),
        control(words["sampling"], select("sampling", {name: words[name] for name in SAMPLINGS})),
        control(words["negatives"], number.format("n", published[dataset]["items"] - 1, 100),
                note='<small class="explorer-range"></small>'),
    ]  # fmt: skip
    slider = f'<input type="range" name="slider" min="0" max="1000" aria-label="{escape(words["negatives"])}">'
    return f"""<div class="explorer" data-dataset="{escape(dataset)}" hidden>
<script type="application/json">{text}</script>
<form><fieldset><legend>{escape(words["controls"])}</legend>{"".join(fields)}{slider}</fieldset></form>
<div class="explorer-sentence" role="status"></div>
<p class="explorer-key" aria-hidden="true"></p>
<div class="explorer-chart"></div>
<p class="explorer-heading">{escape(words["winners"])}</p>
<ol class="explorer-winners"></ol>
<div class="explorer-table" role="region" tabindex="0" aria-label="{escape(words["order"])}"></div>
</div>"""


class Explorer(SphinxDirective):
    """The controls, and the figure with its caption."""

    has_content = True
    option_spec = {"dataset": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Raw HTML, then the figure of one data set."""
        path = explorer.ensure()
        published, dataset, lang = explorer.read(path), self.options["dataset"], self.config.language
        if dataset not in published:
            raise self.error(str(unknown("data set", dataset, published)))
        html = nodes.raw("", tool(published, dataset=dataset, lang=lang), format="html")
        most = published[dataset]["items"] - 1
        table = explorer.curves(published[dataset], lang=lang, sizes=evaluation.sample_sizes(most + 1), k=K)
        shown = [nodes.container("", html, classes=["with-explorer"]), self.figure(table, most, lang)]
        return [*shown, data_files.place(csv_text(table))]

    def figure(self, table: pd.DataFrame, most: int, lang: str) -> nodes.Node:
        """Recall@20 by the number of negatives, its caption the directive's content."""
        picture = base64.b64encode(figures.by_negatives(table, full=most, k=K, lang=lang).image()).decode()
        image = nodes.image(uri=f"data:image/svg+xml;base64,{picture}", alt=explorer.words(lang)["figure"])
        return nodes.figure("", image, data_files.caption(self), classes=["explorer-static"])


def page_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the scripts and the style on pages with the directive alone."""
    if doctree and any("with-explorer" in node["classes"] for node in doctree.findall(nodes.container)):
        for name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")
        app.add_css_file("explorer.css")


def initialise(app: Sphinx, config: Any) -> None:
    """Publish the ranks before static files are copied; pages are read again when they change."""
    config.audit_ranks = zlib.crc32(explorer.ensure().read_bytes())


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_config_value("audit_ranks", 0, "env", int)
    app.add_directive("explorer", Explorer)
    app.connect("config-inited", initialise)
    app.connect("html-page-context", page_scripts)
