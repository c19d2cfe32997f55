"""How often the garbage collector looks for cycles, in processes that make few."""

import gc
from typing import Final

ALLOCATIONS: Final = 20_000
"""Python's own 700 is some ten collections for each batch of commands, which finds nothing."""


def seldom_collected() -> None:
    """Call it once all modules are loaded: what is there now is never looked at again, and what
    comes later less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 20, 20)
