"""Rebuilding the books from the log, and telling whether two of them are equal."""
