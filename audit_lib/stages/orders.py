"""What the page on data says of order: the shuffle test on the reader's log, and the record of it on other logs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pandas as pd

from audit_lib import recommenders
from audit_lib.errors import InputError
from audit_lib.evaluation.metrics import K
from audit_lib.evaluation.shuffle import ShuffleTest, shuffle_test
from audit_lib.show import counted, words
from audit_lib.show.table import Interval, Remark, Table
from audit_lib.stages.prepared import ALWAYS, Prepared


def shuffled(log: Prepared) -> dict[str, ShuffleTest]:
    """The shuffle test of Markov and Popularity in the leading metric; without those for which there is no loss."""
    found = {}
    for name in reversed(ALWAYS):
        model = recommenders.create(name).fit(log.split.train)
        with contextlib.suppress(InputError):  # no session is long enough, or nothing is hit
            found[name] = shuffle_test(model, log.split.test, metric=log.lead, k=log.k)
    return found


def long_enough(log: Prepared) -> int:
    """Test sessions with two events before the last, whose order can be shuffled."""
    return int((log.split.test.lengths > 2).sum())


def remark(found: Mapping[str, ShuffleTest], log: Prepared, lang: str) -> Remark:
    """What the shuffle test says of this log, or why it can say nothing, in the reader's language."""
    _ = words.translator(lang)
    if not long_enough(log):
        return Remark(_(
            "No test session has two events before its last one, so there is nothing to shuffle: this log cannot show"
            " whether the order inside a session matters."
        ))
    if "markov" not in found:
        return Remark(_(
            "Markov hits the last item of no test session, so it has nothing to lose: the shuffle test says nothing "
            "about this log."
        ))
    loss = found["markov"].loss
    said = [_(
        "Over {sessions} of test with at least two events before the last, Markov loses {loss} of its {metric} when "
        "the prefix is shuffled (95 % interval {low} to {high}, over sessions and shuffles)."
    )]
    if "popularity" in found:
        said.append(_("Popularity loses {none}."))
    else:
        said.append(_("Popularity hits nothing, so it has nothing to lose."))
    if loss.low > 0:
        said.append(_("The interval lies above zero: the order of this log carries information."))
    elif loss.high < 0:
        said.append(_("The interval lies below zero: on this log Markov does better when the order is destroyed."))
    else:
        said.append(_(
            "The interval reaches zero: this test finds no information in the order, so the log is weak ground on "
            "which to compare sequential recommenders."
        ))
    values = {"loss": f"{loss.estimate:z.1%}", "low": f"{loss.low:z.1%}", "high": f"{loss.high:z.1%}"}
    none = f"{found['popularity'].loss.estimate:z.1%}" if "popularity" in found else ""
    sessions = counted.said(found["markov"].sessions, "sessions", lang)
    text = " ".join(said).format(sessions=sessions, metric=log.metric, none=none, **values)
    return Remark(words.typeset(text))


def shuffle_tests_table(
    found: Mapping[str, ShuffleTest], lang: str, *, metric: str = "Recall", k: int = K
) -> Table:
    """Recommender, the metric in order and shuffled, the relative loss with its interval, the overlap of the lists."""
    shown = pd.DataFrame(
        {
            "Recommender": name,
            f"{metric}@{k}, in order": test.recall,
            f"{metric}@{k}, shuffled": test.shuffled,
            "Relative loss": test.loss.estimate,
            "95 % interval": Interval(test.loss.low, test.loss.high),
            "Jaccard of the lists": test.jaccard.estimate,
        }
        for name, test in found.items()
    )
    return Table(shown, lang=lang)
