"""No refusal without an example: every (event, code) of `PRECEDENCE` is met by some example test.

The examples run once more here, and `Books` notes what they refuse; the tests that walk whole sets
of refusals or whole histories do not count.
"""

import inspect
from importlib import import_module
from pathlib import Path

from posting_engine.posting.refusals import PRECEDENCE
from tests.posting import books

NO_EXAMPLES = {
    *("test_every_refusal", "test_properties"),
    *("test_precedence", "test_precedence_of_steps"),
}


def test_every_refusal_has_an_example() -> None:
    books.refused_here.clear()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem not in NO_EXAMPLES:
            run_examples(path.stem)

    wanted = {(event, code) for event, codes in PRECEDENCE.items() for code in codes}

    assert sorted(wanted - books.refused_here) == []


def run_examples(name: str) -> None:
    """Every test of a module that takes no parameters."""
    module = import_module(f"tests.posting.{name}")
    for function_name, function in inspect.getmembers(module, inspect.isfunction):
        if function_name.startswith("test_") and not inspect.signature(function).parameters:
            function()
