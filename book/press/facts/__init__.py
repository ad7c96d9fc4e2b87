"""What the prose pages quote and show: facts, tables and figures by name, from committed evidence and the ledger."""
