"""Counts in sentences: none and one have words of their own, and the verb agrees with its count, in every language."""

from __future__ import annotations

from audit_lib.errors import unknown
from audit_lib.show.words import Translate, translator, typeset


def phrases(lang: str = "en") -> dict[str, tuple[str, str, str]]:
    """What is said of no, of one and of several ('#' is their number), by the name that a page uses as a format."""
    _: Translate = translator(lang)
    return {
        "hold": (_("none of them holds"), _("one of them holds"), _("# of them hold")),
        "come-near": (
            _("none comes within two points of the copied value"),
            _("one comes within two points of the copied value"),
            _("# come within two points of the copied value"),
        ),
        "differ": (
            _("none comes out otherwise here"), _("one comes out otherwise here"), _("# come out otherwise here"),
        ),
        "on-a-card": (
            _("no run of the evidence was made on a graphics card"),
            _("one run of the evidence was made on a graphics card"),
            _("# runs of the evidence were made on a graphics card"),
        ),
        "gain": (_("none gains anything"), _("one gains something"), _("# gain something")),
        "licensed": (
            _("none has a licence file"), _("one has a licence file"), _("# have a licence file"),
        ),
        "validate": (
            _("none chooses on a validation part"), _("one chooses on a validation part"),
            _("# choose on a validation part"),
        ),
        "run-today": (
            _("none runs on the versions of today"), _("one runs on the versions of today"),
            _("# run on the versions of today"),
        ),
        "run-then": (
            _("none runs on those of its own time"), _("one runs on those of its own time"),
            _("# run on those of their own time"),
        ),
        "rerun": (
            _("none of them was trained here"), _("one of them was trained here, from its own code"),
            _("# of them were trained here, from their own code"),
        ),
        "wait": (_("none waits for a run"), _("one waits for a run"), _("# wait for a run")),
    }  # fmt: skip


def said(count: float, name: str, lang: str = "en") -> str:
    """A count in its sentence. Raises InputError for a name that `phrases` lacks."""
    known = phrases(lang)
    if name not in known:
        raise unknown("phrase", name, known)
    none, one, many = known[name]
    n = round(count)
    return none if n == 0 else one if n == 1 else many.replace("#", typeset(f"{n:,d}"))
