"""Proof that history was not changed: `hpts verify`, `hpts export`, `hpts proof`."""
