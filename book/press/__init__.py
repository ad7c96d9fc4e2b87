"""The press: how executed notebooks and prose become the published site, in both languages.

Nothing here may change a number: no stage runs again for it, and `audit_lib` does not know of it.

    pipeline, notebooks, bookcheck    running the stages
    site, source, root_pages, site_check, mathjax    building the pages, and checking them
    directives                    what the pages add to Sphinx
    facts                         numbers, tables and figures of the prose pages
    ledger, explorer, status, title_page, citation    what single pages show
    translated, alttext           what gettext does not translate
    pdf, browser                  the book as one file
    readme, launch                the README, and the notebooks elsewhere
"""
