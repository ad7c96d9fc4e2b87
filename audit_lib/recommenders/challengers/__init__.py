"""Models that were reported as better than GRU4Rec, run from their authors' own code.

    codes                         where the code comes from: repository, commit, licence
    config                        settings, with the defaults of the code
    srgnn                         the adapter to SR-GNN
    workarounds                   what it takes to run it today
"""
