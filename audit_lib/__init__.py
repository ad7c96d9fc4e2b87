"""The library behind *GRU4Rec: reproduction and audit*.

Raw clicks become a split, a split and a recommender become ranks, and everything the book says is computed from ranks.
A module imports only from those above it:

    errors
    sessions, synthetic                          click logs, and logs whose law is known
    safe_pickle, archives, parsers, sources, fetching, datasets        data sets by name, verified
    splits                                       train and test, and what leaks between them
    recommenders, gru4rec                        one interface
    ranking, metrics                             scores to ranks, ranks to Recall, MRR and NDCG
    evidence, study                              ranks with their provenance; one experiment
    laws, sampled, simulation, corrected, winners                      sampled metrics
    resampling, inference, order, evaluation, tuning                   intervals, tests, the shuffle test, tuning
    labels, figures, tables                      what a reader sees, in two languages
    documents, exhibits, contrasts, effects, reporting, report_exhibits, citation    what prose pages quote and show
    pipeline, site, sitecheck, mathjax           stages and pages
    bench, defence, doctor, __main__
"""

__version__ = "0.1.0"
