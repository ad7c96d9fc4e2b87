"""The library behind *GRU4Rec: reproduction and audit*.

Raw clicks become a split, a split and a recommender become ranks, and everything the book says is computed from ranks.
The packages are that sentence, in its order; each imports only from those above it:

    starting, errors, files       before anything is loaded; errors a user can act on; files and locks
    data                          raw files to sessions, sessions to a split
    recommenders, show            what ranks; what a reader sees
    evaluation                    scores to ranks, ranks to metrics and intervals
    study                         what is run, kept as evidence and held against claims
    measurements, stages          records of what is not ranks; tables of the stage notebooks
    commands                      the command line

`book/press`, which makes the pages, stands above them all.
"""

from audit_lib import starting

__version__ = "0.1.0"

starting.guard()
starting.settle()  # before any library looks for its cache
