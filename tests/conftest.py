"""Fixtures that tests of several folders share."""

from tests.local_stack import stack, stack_dir

__all__ = ["stack", "stack_dir"]
