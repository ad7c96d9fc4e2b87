"""How the report is defended: faults in its code and around it, the same bits under other conditions, what it is of."""
