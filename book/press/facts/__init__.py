"""What the prose pages quote and show: facts, tables and figures by name, from committed evidence and the ledger.

    documents, reporting, sides   numbers by name
    exhibits, report_exhibits     tables and figures by name
    finding, ladder, choices      the finding, in a sentence and a figure
    contrasts, effects            GRU4Rec against simple recommenders; what each choice moves
    quantities                    every place that states a value, held together by a test
    defence_page                  counts of the page on defence
"""
