"""The study: what is run, what is kept of it as evidence, and what the claims are held against.

    evidence, tables, provenance    the ranks of one run, and where they come from
    running, shards               one experiment, whole or in pieces
    exchange, outside             what a model of another library needs, and what it gave
    models                        trained recommenders in files, and what they recommend
    epochs                        a training that is ranked after every epoch
    plan                          all experiments, from book/study.toml
    settings                      what can be set of a recommender
    presets, spaces, tuning, journals    published settings, and searches for better ones
    records                       measurements that are not ranks
    committed                     what is published with the book, verified
    results, headline             values of runs, and the runs that stand for each side
    literature_values, releases   what others published, and GRU4Rec by year
    challengers, challenger_runs  code of models said to beat it, and their evidence by epoch
    measures, reported_epoch, metric_winners    the numbers of the ledger
    claims, claim_words           its verdicts, and what its parts are called
    translations                  the book's Spanish beside its English, in numbers
"""
