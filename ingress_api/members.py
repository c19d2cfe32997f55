"""Which members the body of each POST takes, and what must hold between them (contract section 3).

Data: a member that is not here is refused. What a member may hold is `fields`; the command that
a body makes is `operations`.
"""

from collections.abc import Mapping
from typing import Any, Final

from ingress_api import fields
from ingress_api.fields import Body, Faults, Member
from schemas.chart_of_accounts import PRINCIPAL_RECEIVABLE
from schemas.commands import LAYERS, MAX_ADJUSTMENT_LINES

METHODS: Final = ("ach", "wire", "card", "check", "cash", "book", "other")
FEE_TYPES: Final = ("origination", "late", "nsf", "servicing", "other")
WAIVER_REASONS: Final = ("goodwill", "error", "hardship", "settlement", "other")
CHARGE_OFF_REASONS: Final = ("delinquency", "bankruptcy", "fraud", "deceased", "other")
ADJUSTMENT_REASONS: Final = ("migration", "correction", "refund", "rounding", "other")
REVERSAL_REASONS: Final = (
    "error_correction",
    "duplicate",
    "customer_request",
    "fraud",
    "returned_payment",
    "system_error",
    "other",
)
RETURN_CODES: Final = (*(f"R{number:02}" for number in range(1, 86)), "other")
"""NACHA's return reason codes."""

_REMARKS: Final = (
    Member("metadata", fields.METADATA, required=False),
    Member("description", fields.TEXT, required=False),
    Member("external_ref", fields.TEXT, required=False),
)
_LOAN: Final = (Member("loan_id", fields.LOAN_ID), Member("effective_at", fields.EFFECTIVE_DATE))
_BORROWER: Final = Member("borrower_id", fields.IDENTIFIER)
_MONEY: Final = (
    *_LOAN,
    Member("amount_minor", fields.AMOUNT),
    Member("currency", fields.CURRENCY),
)
_SOURCE: Final = Member("source_method", fields.one_of(*METHODS))
_OF_ITS_LOAN: Final = (
    Member("effective_at", fields.EFFECTIVE_DATE),
    Member("loan_id", fields.LOAN_ID, required=False),
)
_ANY_CURRENCY: Final = Member("currency", fields.CURRENCY, required=False)
_SPLIT: Final = tuple(
    Member(f"{name}_minor", fields.AMOUNT_OR_ZERO, required=False)
    for name in ("fees", "interest", "principal")
)
_LINE: Final = (
    Member("account_code", fields.matching("[0-9]{4}", "must be four digits")),
    Member("direction", fields.one_of("DR", "CR")),
    Member("amount_minor", fields.AMOUNT),
    Member("currency", fields.CURRENCY),
    Member("layer", fields.one_of(*LAYERS)),
)


_ONLY_WHEN_OPENING: Final = (
    f"is taken only with a SETTLED debit of {PRINCIPAL_RECEIVABLE.code}, loan_id and borrower_id"
)


def _split_sums_up(values: Mapping[str, Any], faults: Faults) -> None:
    if "split" not in values or "amount_minor" not in values:
        return
    if not faults.is_sound("/split") or not faults.is_sound("/amount_minor"):
        return
    if sum(values["split"].values()) != values["amount_minor"]:
        faults.add("/split", "invalid_value", "must sum to amount_minor")


def _accrued_only_by_an_opening(values: Mapping[str, Any], faults: Faults) -> None:
    if "accrued_through" not in values or "borrower_id" not in values:
        return  # without a borrower it was not taken in the first place
    if not faults.is_sound("/lines"):
        return
    debits_principal = any(
        (line["account_code"], line["direction"], line["layer"])
        == (PRINCIPAL_RECEIVABLE.code, "DR", "SETTLED")
        for line in values.get("lines", ())
    )
    if "loan_id" not in values or not debits_principal:
        faults.add("/accrued_through", "unknown_field", _ONLY_WHEN_OPENING)


DISBURSEMENT: Final = Body(
    (
        *_MONEY,
        _BORROWER,
        Member("method", fields.one_of(*METHODS)),
        Member("destination_ref", fields.TEXT, required=False),
        *_REMARKS,
    )
)
DISBURSEMENT_SETTLEMENT: Final = Body(
    (
        Member("disbursement_event_id", fields.IDENTIFIER),
        Member("amount_minor", fields.AMOUNT, required=False),
        _ANY_CURRENCY,
        *_OF_ITS_LOAN,
        *_REMARKS,
    ),
    only_with={"currency": "amount_minor"},
    needs={"amount_minor": "currency"},
)
PAYMENT: Final = Body(
    (
        *_MONEY,
        _BORROWER,
        _SOURCE,
        Member("allocation", fields.one_of("auto", "hold"), required=False),
        *_REMARKS,
    )
)
PAYMENT_ALLOCATION: Final = Body(
    (*_MONEY, Member("split", fields.object_of(_SPLIT), required=False), *_REMARKS),
    rule=_split_sums_up,
)
PAYMENT_RETURN: Final = Body(
    (
        Member("payment_event_id", fields.IDENTIFIER),
        Member("return_code", fields.one_of(*RETURN_CODES)),
        *_OF_ITS_LOAN,
        *_REMARKS,
    )
)
FEE: Final = Body((*_MONEY, Member("fee_type", fields.one_of(*FEE_TYPES)), *_REMARKS))
FEE_WAIVER: Final = Body(
    (*_MONEY, Member("reason_code", fields.one_of(*WAIVER_REASONS)), *_REMARKS)
)
CHARGE_OFF: Final = Body(
    (*_LOAN, Member("reason_code", fields.one_of(*CHARGE_OFF_REASONS)), *_REMARKS)
)
RECOVERY: Final = Body((*_MONEY, _SOURCE, *_REMARKS))
RESTRUCTURE: Final = Body(
    (
        *_LOAN,
        Member("capitalize_interest_minor", fields.AMOUNT_OR_ZERO),
        Member("capitalize_fees_minor", fields.AMOUNT_OR_ZERO),
        *_REMARKS,
    )
)
REFINANCE: Final = Body(
    (
        *_LOAN,
        Member("new_loan_id", fields.LOAN_ID),
        Member("additional_principal_minor", fields.AMOUNT, required=False),
        _ANY_CURRENCY,
        *_REMARKS,
    ),
    only_with={"currency": "additional_principal_minor"},
    needs={"additional_principal_minor": "currency"},
)
REVERSAL: Final = Body(
    (
        Member("reverses_entry_id", fields.IDENTIFIER),
        Member("reason_code", fields.one_of(*REVERSAL_REASONS)),
        Member("reason_description", fields.TEXT),
        *_OF_ITS_LOAN,
        *_REMARKS,
    )
)
MANUAL_ADJUSTMENT: Final = Body(
    (
        Member("lines", fields.list_of(_LINE, least=2, most=MAX_ADJUSTMENT_LINES)),
        Member("reason_code", fields.one_of(*ADJUSTMENT_REASONS)),
        Member("description", fields.TEXT),
        *_OF_ITS_LOAN,
        Member(
            "borrower_id",
            fields.IDENTIFIER,
            required=False,
            description="The loan's borrower. With a SETTLED debit of 1100 it opens a loan that "
            "does not exist; of one that does, it must be the borrower.",
        ),
        Member(
            "accrued_through",
            fields.EFFECTIVE_DATE,
            required=False,
            description="The day through which interest had accrued when the loan was opened: "
            f"it {_ONLY_WHEN_OPENING}. Where the loan turns out to exist already, it is ignored.",
        ),
        *(remark for remark in _REMARKS if remark.name != "description"),
    ),
    only_with={"borrower_id": "loan_id", "accrued_through": "borrower_id"},
    rule=_accrued_only_by_an_opening,
)
PERIOD_CLOSE: Final = Body(())
