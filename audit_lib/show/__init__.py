"""Show: what a reader sees, in the reader's language.

    words, counted                labels and their translations, numbers in type, counts in sentences
    table, figures                tables and pictures
    csv                           the data behind them
"""
