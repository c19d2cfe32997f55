"""Benchmarks: figures are printed and compared within one run, never asserted."""
