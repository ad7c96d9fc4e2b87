"""Counts in sentences: none and one have words of their own, and the verb agrees with its count, in every language."""

from __future__ import annotations

from audit_lib.errors import one_of
from audit_lib.show.words import Translate, translator, typeset


def nouns(_: Translate) -> dict[str, tuple[str, str, str]]:
    """So many of a thing, for sentences whose verb does not hang on the number."""
    return {
        "events": (_("no event"), _("one event"), _("# events")),
        "sessions": (_("no session"), _("one session"), _("# sessions")),
        "items": (_("no item"), _("one item"), _("# items")),
        "others": (_("no other item"), _("one other item"), _("# other items")),
        "targets": (_("no target"), _("one target"), _("# targets")),
        "predictions": (_("no prediction"), _("one prediction"), _("# predictions")),
        "negatives": (_("no negative"), _("one negative"), _("# negatives")),
        "recommenders": (_("no recommender"), _("one recommender"), _("# recommenders")),
        "pairs": (_("no pair"), _("one pair"), _("# pairs")),
        "epochs": (_("no epoch"), _("one epoch"), _("# epochs")),
        "on-logs": (_("on none"), _("on one"), _("on #")),
    }


def sentences(_: Translate) -> dict[str, tuple[str, str, str]]:
    """What so many of them do."""
    return {
        "keep-size": (_("none keeps its size"), _("one keeps its size"), _("# keep their size")),
        "turn-negative": (_("none turns negative"), _("one turns negative"), _("# turn negative")),
        "stay-positive": (_("none stays positive"), _("one stays positive"), _("# stay positive")),
        "near-zero": (
            _("none has an interval with zero in it"), _("one cannot be told from zero"),
            _("# cannot be told from zero"),
        ),
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
            _("none runs on today's versions of its libraries"), _("one runs on today's versions of its libraries"),
            _("# run on today's versions of their libraries"),
        ),
        "run-then": (
            _("none runs on those of its own time"), _("one runs on those of its own time"),
            _("# run on those of their own time"),
        ),
        "rerun": (
            _("none of them was trained here"), _("one of them was trained here, from its own code"),
            _("# of them were trained here, from their own code"),
        ),
        "lose": (_("none loses Recall@20"), _("one loses Recall@20"), _("# lose Recall@20")),
        "inside": (
            _("the loss of none lies between"), _("the loss of one lies between"), _("the losses of # lie between"),
        ),
        "wait": (_("none waits for a run"), _("one waits for a run"), _("# wait for a run")),
        "untestable": (
            _("each can be tested offline"), _("one cannot be tested offline"), _("# cannot be tested offline"),
        ),
        "reproduced": (_("none is reproduced"), _("one is reproduced"), _("# are reproduced")),
        "partly": (_("none partly"), _("one partly"), _("# partly")),
        "not-reproduced": (
            _("none is not reproduced"), _("one is not reproduced"), _("# are not reproduced"),
        ),
        "unsearched": (
            _("on every log both sides were searched"), _("on one log one side was not searched"),
            _("on # logs one side was not searched"),
        ),
        "search-ended": (_("none ended"), _("one ended"), _("# ended")),
        "one-seed": (_("none has a single seed"), _("one has a single seed"), _("# have a single seed")),
        "significant": (
            _("none has a p-value below 5 %"), _("one has a p-value below 5 %"), _("# have a p-value below 5 %"),
        ),
        "change-places": (_("none changes places"), _("one changes places"), _("# change places")),
        "with-seeds": (_("with no seed"), _("with one seed"), _("with # seeds")),
        "come-out": (
            _("none comes out within five points"), _("one comes out within five points"),
            _("# come out within five points"),
        ),
        "hold-zero": (
            _("none has an interval that holds 0"), _("one has an interval that holds 0"),
            _("# have an interval that holds 0"),
        ),
        "wall-alone": (
            _("No run has wall seconds alone."), _("One run has wall seconds alone, and is marked ~ below."),
            _("# runs have wall seconds alone, and are marked ~ below."),
        ),
        "straddle": (
            _("No session straddles the cut."), _("One session straddles the cut."), _("# sessions straddle the cut."),
        ),
        "in-both-parts": (
            _("no session is in both parts"), _("one session is in both parts"), _("# sessions are in both parts"),
        ),
        "from-the-future": (
            _("no train event comes after the first test event"), _("one train event comes after the first test event"),
            _("# train events come after the first test event"),
        ),
        "unseen": (
            _("no test event is of an item that train lacks"), _("one test event is of an item that train lacks"),
            _("# test events are of items that train lacks"),
        ),
        "falls": (_("falls in none"), _("falls in one"), _("falls in #")),
        "turn-round": (
            _("The expected order of no pair turns round"), _("The expected order of a pair turns round once"),
            _("The expected order of a pair turns round # times"),
        ),
        "reversed": (_("none is reversed"), _("one is reversed"), _("# are reversed")),
        "in-table": (
            _("No pair is in the table."), _("One pair is in the table."), _("# pairs are in the table."),
        ),
        "told-apart": (_("none is told apart"), _("one is told apart"), _("# are told apart")),
        "safe": (_("none is safe"), _("one is safe"), _("# are safe")),
        "worse": (
            _("none of them is further from the truth than no correction"),
            _("one of them is further from the truth than no correction"),
            _("# of them are further from the truth than no correction"),
        ),
        "wrong-order": (_("none is in the wrong order"), _("one is in the wrong order"), _("# are in the wrong order")),
        "not-there": (_("none is missing"), _("one is not there yet"), _("# are not there yet")),
    }  # fmt: skip


def phrases(lang: str = "en") -> dict[str, tuple[str, str, str]]:
    """What is said of no, of one and of several ('#' is their number), by the name that a page uses as a format."""
    _ = translator(lang)
    return nouns(_) | sentences(_)


def said(count: float, name: str, lang: str = "en") -> str:
    """A count in its words. Raises InputError for a name that `phrases` lacks."""
    known = phrases(lang)
    none, one, many = known[one_of("phrase", name, known)]
    n = round(count)
    return none if n == 0 else one if n == 1 else many.replace("#", typeset(f"{n:,d}"))
