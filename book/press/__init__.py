"""How executed notebooks and prose become the published site, in both languages, and what stands around the pages.

Nothing here may change a number: no stage runs again for it.
"""
