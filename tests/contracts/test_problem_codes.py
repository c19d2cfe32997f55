"""Every code that is answered is explained, and every explanation says what to do."""

import re

import pytest

from posting_engine.posting.refusals import PRECEDENCE
from posting_engine.posting.rules import EVENT_KINDS
from schemas.event_types import EVENT_TYPES
from schemas.fault_codes import FAULTS
from schemas.problem_codes import CATALOGUE, PROBLEMS, REFUSALS
from schemas.problems import FieldError
from tests.contracts.codes_raised import Takes, codes_given

OF_THE_BATCH = {"accrual_rejected"}
"""Of a chunk of which no loan could accrue: each of its loans has a refusal of its own."""

OF_OPERATORS = {"rejected_by_operator", "not_quarantined", "step_cannot_be_rejected"}
"""Of what is quarantined, and of resolving it: no rule of an event decides these."""

RETURNED_BY_NAME = {"loan_not_accruing", "already_accrued", "principal_mismatch"}
"""Of one loan of a chunk: `posting/accrual.py` returns these as they are."""

EXAMPLES = ("example_answers", "described_answers")
EDGES = dict.fromkeys(("ingress_api", "read_api", "schemas"), EXAMPLES)


def test_every_code_that_the_edges_raise_is_in_the_catalogue_and_every_one_is_raised() -> None:
    raised = codes_given(EDGES, {"Problem": Takes("code", -1)})
    assert set(raised.literal) <= set(CATALOGUE), raised.literal
    assert set(PROBLEMS) - set(raised.literal) == set()
    # What the engine has refused, told on, and told of once more:
    assert raised.other == {
        "ingress_api/answers.py: result['code']",
        "ingress_api/progress.py: refused.problem.code",
    }


def test_every_refusal_is_made_somewhere_and_every_one_made_is_in_the_catalogue() -> None:
    made = codes_given({"posting_engine": ()}, {"Refusal": Takes("code", 0)})
    assert set(REFUSALS) - set(made.literal) == RETURNED_BY_NAME
    assert set(made.literal) <= set(REFUSALS), made.literal
    assert made.other == {"posting_engine/posting/accrual_reversal.py: str(rejections[0]['code'])"}


def test_every_fault_that_is_told_is_in_its_catalogue_and_every_one_is_told() -> None:
    seeds = {"FieldError": Takes("code", 1), "BadParameter": Takes("code", 0)}
    told = codes_given(EDGES, seeds)
    assert set(told.literal) == set(FAULTS)
    # A `BadParameter`, as a fault:
    assert told.other == {"read_api/parameters.py: error.code", "read_api/routes.py: error.code"}
    with pytest.raises(ValueError, match="not a fault code"):
        FieldError("/loan_id", "no_such_code", "is a test")


def test_the_event_types_are_those_of_the_posting_rules() -> None:
    assert tuple(EVENT_KINDS) == EVENT_TYPES


def test_every_refusal_of_the_core_is_a_problem_and_no_other_is() -> None:
    decided = {code for codes in PRECEDENCE.values() for code in codes}
    assert decided | OF_THE_BATCH | OF_OPERATORS == set(REFUSALS)


@pytest.mark.parametrize("code", CATALOGUE)
def test_an_explanation_says_what_happened_and_what_to_do(code: str) -> None:
    sentences = re.findall(r"[^.;:]+[.;:](?= |$)", CATALOGUE[code].explanation)
    assert len(sentences) >= 2, CATALOGUE[code].explanation
    assert CATALOGUE[code].title
    assert re.fullmatch(r"[a-z_]+", code)
