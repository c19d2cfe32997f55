"""The independent witness: recomputes the books from the journal topic and compares."""
