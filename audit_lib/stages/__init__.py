"""What the stage notebooks show: tables, one module a stage or an idea, and pictures that explain.

A module computes plain DataFrames, with English headings, from runs or from committed evidence; `labels.Table` and
`figures` bring them into the reader's language. What changes here may change a result: every stage then runs again.
"""
