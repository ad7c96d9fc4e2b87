"""What the stage notebooks show: tables, one module a stage or an idea, and pictures that explain.

A module computes plain DataFrames, with English headings, from runs or from committed evidence; `show` brings them into
the reader's language. What changes here may change a result: every stage then runs again.

    prepared, profiles            the log, its split, and the choices that follow from the reader's settings
    tables, orders, remarks       01 to 03: data, split, baselines
    training, scales              04: GRU4Rec, and how fast two simple recommenders forget
    evaluation                    05: full and sampled metrics, ties, intervals
    literature, equal_targets, searches    06: published values beside measured ones
    implementations               07: what third-party implementations leave out
    multiverse, multiverse_tables    08: every defensible choice at once
    cost, decision, beyond_tables    09: seconds, memory, and which recommender when
    walkthrough, diagrams         10: one session from click to rank
"""
