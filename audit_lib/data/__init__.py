"""Data: from raw files, or a log of the reader's own, to sessions, and from sessions to a split.

    registry, fetching, archives, safe_pickle, parsers    public logs: where they are, verified, how each is read
    reading                       a log of the reader's own, from files of any kind
    synthetic                     logs whose law is known
    datasets                      a log by name or by path
    logs, sessions, statistics    its events as a table, as arrays, and in numbers
    splits, targets, leakage      train and test part, what counts, and what one knows of the other
    preparing                     all of it in one call: a name or a path becomes a data set and its split
    large                         the same for logs too large to hold as a table
    checks                        single settings, and what is wrong with them
"""
