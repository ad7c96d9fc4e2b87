"""The library behind *GRU4Rec: reproduction and audit*.

Raw clicks become a split, a split and a recommender become ranks, and everything the book says is computed from ranks.
A module imports only from those above it:

    starting, places, errors, checks
    sessions, synthetic                          click logs, and logs whose law is known
    safe_pickle, archives, parsers, sources, fetching                  raw files, verified
    reading, datasets                            logs from files of any kind; data sets by name or path
    targets, splits                              train and test, what counts, and what leaks between them
    recommenders, gru4rec                        one interface
    ranking, metrics                             scores to ranks, ranks to Recall, MRR and NDCG
    evidence, study, completing                  ranks with their provenance; one experiment
    session_draws, resampling, inference, power  one resampling a split: intervals, tests, and how many sessions suffice
    laws, sampled, simulation, corrected, winners                      sampled metrics
    order, journals, tuning                      the shuffle test, settings
    experiments, publishing                      the full study as data, its committed evidence
    measures, published, compared, claims        what it measures, what others published, the ledger
    beyond                                       what lists hold beyond the hit
    labels, figures                              what a reader sees, in two languages
    stages                                       the tables of the stage notebooks
    report                                       what prose pages quote and show
    progress, pipeline, pages                    stages are run, pages are made
    expected, preflight, log_commands            can this log become a book, and what is in it
    bench, defence, doctor, __main__
"""

from audit_lib import starting
from audit_lib import starting as places

__version__ = "0.1.0"

starting.guard()
places.settle()  # before any library looks for its cache
