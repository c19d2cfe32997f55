"""Every code that is answered is explained, and every explanation says what to do."""

import re

import pytest

from posting_engine.posting.refusals import PRECEDENCE
from schemas.problem_codes import CATALOGUE, REFUSALS

OF_THE_BATCH = {"accrual_rejected"}
"""Of a chunk of which no loan could accrue: each of its loans has a refusal of its own."""

OF_OPERATORS = {"rejected_by_operator", "not_quarantined", "step_cannot_be_rejected"}
"""Of what is quarantined, and of resolving it: no rule of an event decides these."""


def test_every_refusal_of_the_core_is_a_problem_and_no_other_is() -> None:
    decided = {code for codes in PRECEDENCE.values() for code in codes}
    assert decided | OF_THE_BATCH | OF_OPERATORS == set(REFUSALS)


@pytest.mark.parametrize("code", CATALOGUE)
def test_an_explanation_says_what_happened_and_what_to_do(code: str) -> None:
    sentences = re.findall(r"[^.;:]+[.;:](?= |$)", CATALOGUE[code].explanation)
    assert len(sentences) >= 2, CATALOGUE[code].explanation
    assert CATALOGUE[code].title
    assert re.fullmatch(r"[a-z_]+", code)
