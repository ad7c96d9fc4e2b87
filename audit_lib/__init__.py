"""The library behind *GRU4Rec: reproduction and audit*.

Raw clicks become a split, a split and a recommender become ranks, and everything the book says is
computed from ranks. A module imports only from those above it in this list: errors, sessions, datasets,
synthetic, splits, recommenders, gru4rec, ranking, metrics, sampled, inference, evidence, claims, figures, site.
"""

__version__ = "0.1.0"
