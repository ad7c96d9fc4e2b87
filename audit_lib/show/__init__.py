"""Show: what a reader sees, in the reader's language.

    words, counted                labels and their translations, numbers in type, counts in sentences
    table                         tables and computed paragraphs, with their formats, names and intervals
    plot, figures, row_figures    pictures: what they have in common, and each of them
    one_page                      a page of paper
    csv                           the data behind them
"""
