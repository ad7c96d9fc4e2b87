"""The table of headline results in README.md and README.es.md: written from committed evidence, never by hand."""

from __future__ import annotations

import re
from pathlib import Path

from audit_lib import evidence
from audit_lib.compared import COPIED, best_simple, min_step
from audit_lib.measures import Book, over
from audit_lib.published import model_name
from audit_lib.stages import literature

FILES = {"en": "README.md", "es": "README.es.md"}
HEADINGS = {
    "en": ("Data set", "GRU4Rec as copied", "GRU4Rec here", "Seeds", "Best simple recommender here"),
    "es": ("Datos", "GRU4Rec tal como se copia", "GRU4Rec aquí", "Semillas", "Mejor recomendador sencillo aquí"),
}
NOTE = {
    "en": "Recall@20, %, over the targets of the publication, ties counted against the recommender; in brackets, 95 % "
    "intervals over sessions and seeds. Recomputed from `book/evidence` by `python -m audit_lib readme`.",
    "es": "Recall@20, en %, sobre los objetivos de la publicación y con los empates en contra del recomendador; entre "
    "corchetes, intervalos del 95 % sobre sesiones y semillas. Recalculado a partir de `book/evidence` con `python -m "
    "audit_lib readme`.",
}  # fmt: skip
BLOCK = re.compile(r"(<!-- headline:[^>]*-->\n).*?(<!-- /headline -->)", re.DOTALL)


def headline(lang: str = "en", *, folder: Path = evidence.COMMITTED) -> str:
    """The table as Markdown, a row per data set and way of running GRU4Rec; rows appear as their evidence does."""
    book = Book(folder)
    table = literature.compared(book, lang=lang)
    gru4rec = model_name("gru4rec", lang)
    rows = [HEADINGS[lang], ("---",) * len(HEADINGS[lang])]
    for dataset, source in COPIED.items():
        mine = table[(table["dataset"] == dataset) & (table["source"] == literature.cited(source, lang))]
        for row in mine.itertuples():
            if row.recommender.startswith(gru4rec):
                here = f"{row.recommender}: **{row.value:.2%}** [{row.low:.2%}, {row.high:.2%}]"
                simple = _best_simple(book, dataset, lang)
                rows.append((dataset, f"{row.published:.2%}", here, str(row.seeds), simple))
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines).replace("%", " %") + "\n\n" + NOTE[lang] + "\n"


def _best_simple(book: Book, dataset: str, lang: str) -> str:
    """The simple recommender with the highest Recall@20 on these targets, in any of its settings."""
    if (best := best_simple(book, dataset)) is None:
        return "–"
    value = over([best[1]], "Recall", literature.K, min_step(dataset)).estimate
    return f"{model_name(best[1].recommender, lang)}: {value:.2%}"


def rewrite(text: str, lang: str) -> str:
    """The README with its table brought up to date."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{headline(lang)}\n{m[2]}", text)


def update(root: Path = evidence.PROJECT) -> list[Path]:
    """Rewrites the tables of both files; returns those that changed."""
    changed = []
    for lang, name in FILES.items():
        path = root / name
        before = path.read_text("utf8")
        after = rewrite(before, lang)
        if after != before:
            evidence.put({path: after.encode()})
            changed.append(path)
    return changed
