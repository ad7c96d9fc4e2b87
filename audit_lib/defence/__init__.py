"""How the report is defended: mutants of its own code, the same bits under other conditions, what it is built from."""
