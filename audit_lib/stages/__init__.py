"""What the stage notebooks show: tables, one module a stage or an idea, and pictures that explain.

A module computes plain DataFrames from runs or from committed evidence. Functions named `…_table` put them before a
reader: a `show.table.Table` with headings and formats. `quoted` has the numbers of a stage's text, by name. What
changes here may change a result: every stage then runs again.

    walkthrough, diagrams         00: one session from click to rank
    prepared, profiles            the log, its split, and the choices that follow from the reader's settings
    tables, orders, remarks       01 to 03: data, split, baselines
    answers                       01 to 05: the sentence on the first screen
    training, scales              04: GRU4Rec, and how fast two simple recommenders forget
    evaluation, evaluation_tables    05: full and sampled metrics, ties, intervals
    literature, equal_targets, searches    06: published values beside measured ones
    implementations, implementations_tables    07: what third-party implementations leave out
    multiverse, multiverse_tables    08: every defensible choice at once
    cost, cost_tables, decision, decision_tables    09: seconds, memory, and which recommender when
    challengers, challengers_rerun    10: code of models that reported beating GRU4Rec
    your_model, your_model_tables    11: one model beside all others on the same targets
    plots                         any evidence, from the command line
    exercises                     the answers that the learning chapters fold away
"""
