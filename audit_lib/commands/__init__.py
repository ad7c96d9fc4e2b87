"""The command line: `python -m audit_lib VERB`. A family of verbs a module, each a few lines over the library.

No family is imported before one of its verbs is called, so that `--help` does not wait for numpy or torch.

    registry                      what there is, and what can be set of it
    logs, preflight, expected     verbs about a log; can it become a book, and how long will that take
    runs, shards                  verbs that train and rank
    serving                       the verb that answers with a trained model
    outside                       verbs for models of other libraries
    evidence, plotting            verbs that read evidence, and draw it
    study                         verbs of the full study
    bench, doctor                 speed, and what this machine has
    entry, printing, progress     how a command ends, prints, and says that it still runs
"""

from __future__ import annotations

import logging
from importlib import import_module

import click

# verb: (module and name of its function, what `--help` says of it)
VERBS: dict[str, tuple[str, str]] = {
    "list": ("registry:list_", "The data sets and the recommenders that have a name here."),
    "settings": ("registry:settings", "What can be set of a recommender, with published values."),
    "fetch": ("logs:fetch", "Get data sets by name, or code of others; verified."),
    "synth": ("logs:synth", "Write a synthetic log whose law is known."),
    "describe": ("logs:describe", "Statistics of a data set or an own log, and how it would be split."),
    "check-log": ("logs:check_log", "Say what is odd about a log, and whether it can become a book."),
    "rank": ("runs:rank", "Train recommenders, rank every target, write evidence."),
    "recommend": ("serving:recommend", "The best items after a session, from a model that `rank --save` kept."),
    "tune": ("runs:tune", "Search settings on a validation split of train."),
    "demo": ("runs:demo", "Popularity against Markov on synthetic data."),
    "targets": ("outside:targets", "Write what a model of another library needs to be measured on the same targets."),
    "evaluate": ("outside:evaluate", "Make evidence of what such a model gave: scores, ranks or lists."),
    "shard": ("shards:shard", "Rank in shards by session, each wherever there is room."),
    "metrics": ("evidence:metrics_", "Recall, MRR and NDCG of evidence files."),
    "sampled": ("evidence:sampled_", "Exact expectation of sampled metrics beside the full ones."),
    "compare": ("evidence:compare", "The difference of two evidence files, with its interval and tests."),
    "plot": ("plotting:plot", "Draw a figure of evidence files."),
    "study": ("study:study_", "Run the experiments of the study whose evidence is missing."),
    "record": ("study:record", "Measure what the book shows from records."),
    "publish": ("study:publish", "Copy finished runs of the study into the book's evidence."),
    "check": ("study:check", "Verify every evidence file again."),
    "claims": ("study:claims", "The ledger: every audited claim with its verdict."),
    "bench": ("bench:bench", "Speed, always as a ratio measured in one run."),
    "doctor": ("doctor:doctor", "What this machine has, and what can run here."),
}


class Verbs(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name; None if there is none."""
        if name not in VERBS:
            return None
        module, function = VERBS[name][0].split(":")
        return getattr(import_module(f"{__name__}.{module}"), function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the verbs without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
def cli(verbose: bool) -> None:
    """GRU4Rec: reproduction and audit."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")
