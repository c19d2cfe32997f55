"""The operator's web pages, over the public API only."""
