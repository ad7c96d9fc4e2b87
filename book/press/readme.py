"""The finding in README.md and README.es.md, its picture and table: written from committed evidence, never by hand."""

from __future__ import annotations

import re
from pathlib import Path

import click

from audit_lib.commands import entry
from audit_lib.evaluation.metrics import K
from audit_lib.files import COMMITTED, PROJECT, put
from audit_lib.show import table
from audit_lib.show.words import data_name, number
from audit_lib.study import headline as heads
from audit_lib.study.headline import Chosen
from audit_lib.study.literature_values import COPIED, min_step, model_name, value
from audit_lib.study.results import Book, over
from book.press.facts import ladder

FILES = {"en": "README.md", "es": "README.es.md"}
HEADINGS = {
    "en": ("Data set", "Metric", "GRU4Rec as published", "Algorithm of 2016 here", "Version of today here",
           "Best simple recommender here"),
    "es": ("Datos", "Métrica", "GRU4Rec según lo publicado", "Algoritmo de 2016 aquí", "Versión de hoy aquí",
           "Mejor recomendador sencillo aquí"),
}
NOTE = {
    "en": "In per cent, over the targets of the publication, ties counted against the recommender; in brackets, 95 % "
    "intervals over sessions and seeds. The algorithm of 2016 has the settings of its paper for BPR and, where they "
    "were searched, those of the search. The version of today and the simple recommender were chosen by Recall@20 on "
    "a validation part of train. GRU4Rec was trained with the independent engine; the authors' code was run on "
    "Diginetica as well, and [the case study](book/case_study.md) has the two side by side. Recomputed from "
    "`book/evidence` by `python -m book.press.readme`, the picture as well.",
    "es": "En tanto por ciento, sobre los objetivos de la publicación y con los empates en contra del recomendador; "
    "entre corchetes, intervalos del 95 % sobre sesiones y semillas. El algoritmo de 2016 tiene la configuración de su "
    "artículo para BPR y, donde se optimizó, la optimizada. La versión de hoy y el recomendador sencillo se eligieron "
    "por Recall@20 en una parte de validación del entrenamiento. GRU4Rec se entrenó con el motor independiente; el "
    "código de los autores también se ejecutó en Diginetica, y [el estudio de caso](book/case_study.md) pone los dos "
    "uno al lado del otro. Recalculado a partir de `book/evidence` con `python -m book.press.readme`, y la figura "
    "también.",
}  # fmt: skip
WAYS = {
    "en": {"bpr": "paper's settings", "searched_2016": "searched"},
    "es": {"bpr": "configuración del artículo", "searched_2016": "optimizada"},
}
PICTURES = {"en": "book/_static/ladder.svg", "es": "book/_static/ladder-es.svg"}
BLOCK = re.compile(r"(<!-- headline:[^>]*-->\n).*?(<!-- /headline -->)", re.DOTALL)


def headline(lang: str = "en", *, folder: Path = COMMITTED) -> str:
    """The table as Markdown, a row per data set and metric; rows appear as their evidence does."""
    book = Book(folder)
    rows = [HEADINGS[lang], ("---",) * len(HEADINGS[lang])]
    for dataset, source in COPIED.items():
        sides = heads.of(book, dataset), heads.best_simple(book, dataset)
        if None in sides:
            continue
        for metric in ("Recall", "MRR"):
            copied = number(value(source, dataset, "gru4rec", metric, K), table.EXACT)
            first = _of_2016(book, dataset, metric, lang)
            here = (_cell(side, metric, lang) for side in sides)
            rows.append((data_name(dataset, lang), f"{metric}@{K}", copied, first, *here))
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    picture = f"![{ladder.alternative(book, lang)}]({PICTURES[lang]})\n\n<!-- shows {ladder.figure(book).digest()} -->"
    said = ladder.sentence(book, lang)
    return "\n\n".join([said, picture, "\n".join(lines).replace("%", " %"), NOTE[lang]]) + "\n"


def _of_2016(book: Book, dataset: str, metric: str, lang: str) -> str:
    """The values of the algorithm of 2016, with the settings of its paper and with searched ones; or a dash."""
    known = ((name, ladder.measured(book, dataset, ladder.rung(name), metric)) for name in ("bpr", "searched_2016"))
    said = (f"{WAYS[lang][name]} {number(found.estimate, table.SHARE)}" for name, found in known if found)
    return "; ".join(said) or "–"


def _cell(side: Chosen, metric: str, lang: str) -> str:
    """A value with its interval; that of a simple recommender under its name."""
    found = over(side.runs, metric, K, min_step(side.dataset))
    name = "" if side.recommender == heads.NAME else f"{model_name(side.recommender, lang)}: "
    estimate, _, interval = str(table.Estimate(*found[:3])).partition(" ")
    return f"{name}**{estimate}** {interval}"


def rewrite(text: str, lang: str) -> str:
    """The README with its table brought up to date."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{headline(lang)}\n{m[2]}", text)


def update(root: Path = PROJECT) -> list[Path]:
    """Rewrites the tables of both files; returns those that changed."""
    changed = []
    for lang, name in FILES.items():
        path = root / name
        before = path.read_text("utf8")
        after = rewrite(before, lang)
        picture = root / PICTURES[lang]
        if after != before or not picture.is_file():
            drawn = ladder.figure(Book(), lang=lang).image()
            put({path: after.encode(), picture: drawn})
            changed.append(path)
    return changed


@click.command()
def cli() -> None:
    """Bring README.md and README.es.md up to date with the committed evidence."""
    click.echo("\n".join(f"{path.name} was brought up to date" for path in update()) or "Both are up to date.")


if __name__ == "__main__":
    entry.run(cli)
