"""Letting the books go on from a new, empty topic: the old log sealed, its offsets gone on with."""
