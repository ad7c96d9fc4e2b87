"""What the prose pages quote and show: facts, tables and figures by name, from committed evidence and the ledger.

    source, prose                 where numbers come from, and how they stand in a sentence
    documents, reporting, sides   numbers by name
    exhibits, report_exhibits     tables and figures by name
    shared_tables                 what both are read from
    finding, ladder, choices      the finding, in a sentence and a figure
    rivals                        counts of the challengers
    contrasts, effects            GRU4Rec against simple recommenders; what each choice moves
    quantities                    every place that states a value, held together by a test
    defence_page                  counts of the page on defence
"""
