"""The read edge: balances and history over HTTP. Reads views only, and never writes."""
