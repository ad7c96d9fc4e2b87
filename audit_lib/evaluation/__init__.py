"""Evaluation: from scores to ranks, from ranks to metrics, and how sure one may be of them.

    ranking                       scores to ranks, one engine for every recommender
    metrics                       ranks to Recall, MRR and NDCG under a tie policy
    resampling, session_draws     one resampling a split: intervals and paired tests
    comparisons, power            many comparisons, and how many sessions suffice for one
    sampled, counts, count_laws    sampled metrics in closed form
    corrected, winners            estimators that correct them, and who wins under them
    shuffle                       does the order inside a session carry information?
"""
