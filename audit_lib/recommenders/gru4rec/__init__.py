"""GRU4Rec twice: the independent engine, and an adapter to the official code."""
