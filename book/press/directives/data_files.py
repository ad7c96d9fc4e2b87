"""The CSV behind every table and figure: written beside the pages, with a link under each; and tables that sort.

Outputs of notebooks bring their CSV with them (`text/csv` of `Table` and `Plot`: what drew them, to nine digits), and
so does a computed table of a page (`audit_csv`). Any other table gives the text of its cells. The files are
data/PAGE-NN.csv, in the page's order. A figure of a prose page is there as SVG and PNG too, with a line to cite it by.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from audit_lib.show.csv import csv_text
from audit_lib.show.words import Translate, translator
from book.press import citation

CSV, RECORD = "text/csv", "application/papermill.record/"
THOUSANDS = re.compile(r"\d{1,3}(?:[\u202f\u00a0]\d{3})+")
NEGATIVE = re.compile(r"\u2212[\d.\u202f\u00a0]*\d")


def place(text: str, picture: Path | None = None) -> nodes.container:
    """Where the link to a CSV file will stand. picture: a figure as SVG, with the PNG beside it, to be linked too."""
    return nodes.container(classes=["csv-link"], audit_csv=text, audit_picture=picture and str(picture))


def caption(directive: SphinxDirective) -> nodes.caption:
    """The content of a directive as the caption of its figure, for the page's catalogue."""
    parsed = nodes.Element()
    directive.state.nested_parse(directive.content, directive.content_offset, parsed)
    found = nodes.caption(parsed[0].rawsource, "", *parsed[0].children)
    found.source, found.line = directive.get_source_info()
    return found


def outputs(cell: Any) -> list[Any]:
    """The outputs of a notebook's cell that a page shows: displayed, and not only glued."""
    shown = [o for o in cell.get("outputs", []) if o.output_type in ("display_data", "execute_result")]
    return [o.data for o in shown if not all(kind.startswith(RECORD) for kind in o.data)]


def elements(root: nodes.Node, kind: str) -> list[nodes.Element]:
    """The nodes of a notebook that are cells of code (`cell_code`) or displayed outputs (`mime_bundle`)."""
    return list(root.findall(lambda node: isinstance(node, nodes.Element) and node.get("nb_element") == kind))


def of_notebook(app: Sphinx, doctree: nodes.document) -> None:
    """Mark a place under every output of a notebook that brings its CSV."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = nbformat.read(path, as_version=4).cells
    for node in elements(doctree, "cell_code"):
        shown, data = elements(node, "mime_bundle"), outputs(cells[node["cell_index"]])
        for bundle, output in zip(shown, data, strict=True) if len(shown) == len(data) else ():
            if CSV in output:
                above = bundle.parent if isinstance(bundle.parent, nodes.figure) else bundle
                above.parent.insert(above.parent.index(above) + 1, place(output[CSV]))


def cell_text(entry: nodes.Element) -> str:
    """The text of a cell on one line; in a number thousands are not set apart, and a minus sign is a hyphen."""
    text = entry.astext().strip()
    if THOUSANDS.fullmatch(text) or NEGATIVE.fullmatch(text):
        return re.sub(r"\s", "", text).replace("\u2212", "-")
    return " ".join(text.split())


def frame(table: nodes.table) -> pd.DataFrame | None:
    """A table of a page; None if it has no heading or its rows differ in length."""
    rows = [[cell_text(entry) for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
    headed = next(iter(table.findall(nodes.thead)), None)
    if headed is None or len({len(row) for row in rows}) != 1:
        return None
    return pd.DataFrame(rows[1:], columns=rows[0])


def of_page(doctree: nodes.document) -> None:
    """Mark a place under every table of the page's own."""
    for table in list(doctree.findall(nodes.table)):
        data = frame(table)
        text = table.get("audit_csv") or (None if data is None else csv_text(data))
        if text is not None:
            table.parent.insert(table.parent.index(table) + 1, place(text))


def places(doctree: nodes.document) -> Iterator[nodes.container]:
    """The marked places, in order."""
    yield from list(doctree.findall(lambda n: isinstance(n, nodes.container) and "audit_csv" in n))


def write(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write the files of a page and put the links in."""
    if app.builder.format != "html":
        return
    of_page(doctree)
    for old in (Path(app.outdir) / "data" / page).parent.glob(f"{Path(page).name}-[0-9][0-9].*"):
        old.unlink()  # of a build in which the page had more of them
    _: Translate = translator(app.config.language)
    up = "../" * app.builder.get_target_uri(page).count("/")
    word, title = _("Data"), _("The data of number {} on this page, as CSV")
    for number, spot in enumerate(places(doctree), 1):
        name = f"data/{page}-{number:02d}.csv"
        target = Path(app.outdir) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(spot["audit_csv"], "utf8", newline="")
        said = escape(title.format(number))
        links = [f'<a href="{up}{name}" download title="{said}">{word} (CSV)</a>']
        if spot["audit_picture"]:
            for kind in ("svg", "png"):
                shutil.copyfile(Path(spot["audit_picture"]).with_suffix(f".{kind}"), target.with_suffix(f".{kind}"))
                address = f"{up}{Path(name).with_suffix(f'.{kind}')}"
                links.append(f'<a href="{address}" download>{_("Figure")} ({kind.upper()})</a>')
            links.append(f"{_('To cite')}: {escape(citation.text(citation.read()).replace('*', ''))}")
        spot += nodes.raw("", " · ".join(links), format="html")
        del spot["audit_csv"], spot["audit_picture"]


def setup(app: Sphinx) -> None:
    """Connect the extension, and the script that sorts tables."""
    app.connect("doctree-read", of_notebook)
    app.connect("doctree-resolved", write)
    app.add_js_file("tables.js", loading_method="defer")
