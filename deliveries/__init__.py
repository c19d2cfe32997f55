"""What leaves the ledger: the journal topic and webhooks, from the journal, never beside it."""
