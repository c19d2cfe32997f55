"""Example answers: what each of `examples` is answered, in the same life of a few loans. Data only.

A test posts the examples and holds every amount and status here against the real answers; ids and
instants are made up, and agree with each other.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from ingress_api.examples import (
    ADDITIONAL_DISBURSEMENT_EVENT,
    BORROWER,
    LOAN,
    MIGRATED_LOAN,
    NEW_LOAN,
    PERIOD,
    PROGRAM,
)
from schemas.problems import FieldError, Problem

Answer = dict[str, Any]

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
_OF_LOAN: Final = {LOAN: "009", NEW_LOAN: "004", MIGRATED_LOAN: "002"}
_IN_PARTS: Final = "fff"
_EVENT: Final = "9002-f5ab7f4057d7"
_ENTRY: Final = "a4da-86692d649f8b"
_COMMAND: Final = "9c4e-e60c38a5cab9"


def _id(moment: str, partition: str, what: str) -> str:
    return f"01a20e3f-{moment}-8{partition}-{what}"


def _instant(moment: str) -> str:
    """The instant in an id: its milliseconds since 1970, of which `moment` is the end."""
    at = datetime.fromtimestamp(int(f"01a20e3f{moment}", 16) // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.140000Z"


def _owed(moment: str, *owed_minor: int, loan: str = LOAN, status: str = "active") -> Answer:
    """A loan's balance: principal, interest, fees, suspense."""
    principal_minor, interest_minor, fees_minor, suspense_minor = (*owed_minor, 0, 0, 0)[:4]
    return {
        "loan_id": loan,
        "currency": "USD",
        "as_of_date": "2026-11-24",
        "principal_outstanding_minor": str(principal_minor),
        "interest_receivable_minor": str(interest_minor),
        "fees_receivable_minor": str(fees_minor),
        "total_exposure_minor": str(principal_minor + interest_minor + fees_minor),
        "suspense_minor": str(suspense_minor),
        "status": status,
        "borrower_id": BORROWER,
        "last_activity_at": _instant(moment),
    }


def _entry(moment: str, partition: str) -> Answer:
    return {
        "journal_entry_id": _id(moment, partition, _ENTRY),
        "posted_at": _instant(moment),
        "correlation_id": _id(moment, partition, _COMMAND),
    }


def _event(kind: str, moment: str, balance: Answer, **more: object) -> Answer:
    partition = _OF_LOAN[balance["loan_id"]]
    event = {f"{kind}_event_id": _id(moment, partition, _EVENT)}
    return {**event, **_entry(moment, partition), "balance": balance, **more}


def _parts(fees: str, interest: str, principal: str, suspense: str) -> Answer:
    return {
        "fees_minor": fees,
        "interest_minor": interest,
        "principal_minor": principal,
        "suspense_minor": suspense,
    }


def _allocated(rule: str, parts: Answer) -> Answer:
    owed = {"fees": "500", "interest": "822", "principal": "100000"}
    explained = [
        {
            "receivable": name,
            "rule": rule,
            "owed_minor": owed_minor,
            "applied_minor": parts[f"{name}_minor"],
        }
        for name, owed_minor in owed.items()
    ]
    return {**parts, "explained": explained}


_PAYMENT: Final = _event(
    "payment",
    "63d8",
    _owed("63d8", 90000),
    allocation=_allocated("waterfall/1", _parts("500", "822", "10000", "0")),
)
_BATCH: Final = {
    "accrual_event_id": _id("5e02", _IN_PARTS, _EVENT),
    **_entry("5e02", _IN_PARTS),
    "loan_count": 1,
    "total_accrued_minor": "822",
    "rejected_count": 0,
    "principal_mismatch_count": 0,
}

COMMAND: Final = _id("63d8", _OF_LOAN[LOAN], _COMMAND)


def _resolved(moment: str, became: Answer) -> Answer:
    """An operator's decision of a payment that waited alone."""
    return {
        "command_id": COMMAND,
        "commands": [{"command_id": COMMAND, "command_type": "Payment", **became}],
        "waiting_count": 0,
        "posted_at": _instant(moment),
        "correlation_id": _id(moment, _OF_LOAN[LOAN], _COMMAND),
    }


POSTED: Final[dict[str, dict[str, Answer]]] = {
    "Disbursement": {"opening": _event("disbursement", "5a3f", _owed("5a3f", 100000))},
    "DisbursementSettlement": {
        "whole": _event("settlement", "5c10", _owed("5c10", 100000)),
        "stated": _event("settlement", "7301", _owed("7301", 147122, loan=NEW_LOAN)),
    },
    "AccrualBatch": {"month": _BATCH},
    "Fee": {"late": _event("fee", "6011", _owed("6011", 100000, 822, 500))},
    "Payment": {
        "by_waterfall": _PAYMENT,
        "held": _event(
            "payment",
            "66f0",
            _owed("66f0", 100000, 822, 500, 5000),
            allocation=_allocated("hold", _parts("0", "0", "0", "5000")),
        ),
    },
    "PaymentReturn": {
        "insufficient_funds": _event(
            "return",
            "6544",
            _owed("6544", 100000, 822, 500),
            reverses_entry_id=_PAYMENT["journal_entry_id"],
            debited=_parts("500", "822", "10000", "0"),
        )
    },
    "PaymentAllocation": {
        "split": _event(
            "allocation",
            "6811",
            _owed("6811", 96000, 822, 500, 1000),
            allocation=_allocated("split", _parts("0", "0", "4000", "0")),
        )
    },
    "FeeWaiver": {"goodwill": _event("waiver", "6a7c", _owed("6a7c", 96000, 822, 300))},
    "Restructure": {"capitalised": _event("restructure", "6c05", _owed("6c05", 97122))},
    "Reversal": {
        "of_an_entry": {
            **_entry("6d3b", _OF_LOAN[LOAN]),
            "balance": _owed("6d3b", 96000, 822, 300),
            "reverses_entry_id": _id("6c05", _OF_LOAN[LOAN], _ENTRY),
            "moved_to_suspense_minor": "0",
        }
    },
    "Refinance": {
        "with_more": {
            "refinance_event_id": _id("71b2", _IN_PARTS, _EVENT),
            **_entry("71b2", _IN_PARTS),
            "balances": [
                _owed("71b2", 0, status="refinanced"),
                _owed("71b2", 147122, loan=NEW_LOAN),
            ],
            "disbursement_event_id": ADDITIONAL_DISBURSEMENT_EVENT,
        }
    },
    "ChargeOff": {
        "delinquent": _event(
            "chargeoff", "7420", _owed("7420", 0, loan=NEW_LOAN, status="charged_off")
        )
    },
    "Recovery": {
        "after_charge_off": _event(
            "recovery", "7533", _owed("7533", 0, loan=NEW_LOAN, status="charged_off")
        )
    },
    "ManualAdjustment": {
        "migration": _event("adjustment", "7611", _owed("7611", 750000, loan=MIGRATED_LOAN)),
        "refund": _event("adjustment", "6920", _owed("6920", 96000, 822, 500)),
    },
    "PeriodClose": {
        "month": {
            "period": PERIOD,
            "status": "closed",
            "closed_at": _instant("7702"),
            "correlation_id": _id("7702", _IN_PARTS, _COMMAND),
        }
    },
    "QuarantineResume": {"loan": _resolved("7811", {"status": "posted"})},
    "QuarantineReject": {
        "command": _resolved("7812", {"status": "rejected", "code": "rejected_by_operator"})
    },
}
"""Operation's name -> the 201 to each of its examples."""

PENDING: Final[Answer] = {"command_id": COMMAND, "status": "pending"}
BATCH_PENDING: Final[Answer] = {
    "command_id": _BATCH["correlation_id"],
    "status": "pending",
    "accrual_event_id": _BATCH["accrual_event_id"],
}


def _refused(code: str, detail: str, **members: object) -> Problem:
    return Problem(code=code, detail=detail, command_id=UUID(COMMAND), members=members)


_NO_LOAN: Final = _refused("loan_not_found", "No such loan.")
_UNDONE_BY: Final = POSTED["Reversal"]["of_an_entry"]["journal_entry_id"]
REFUSED: Final[dict[str, Problem]] = {
    "Disbursement": _refused("loan_closed", "The loan is charged_off."),
    "DisbursementSettlement": _refused(
        "amount_exceeds_unsettled", "0 of the disbursement is unsettled."
    ),
    "AccrualBatch": Problem(
        code="manifest_mismatch",
        errors=(
            FieldError("/expected_total_minor", "manifest_mismatch", "the interest sums to 822"),
        ),
    ),
    "Fee": _NO_LOAN,
    "Payment": _refused("borrower_mismatch", "The loan belongs to another borrower."),
    "PaymentReturn": _refused("event_not_found", "No such event."),
    "PaymentAllocation": _refused("currency_mismatch", "The loan is kept in USD."),
    "FeeWaiver": _NO_LOAN,
    "Restructure": _refused("loan_closed", "The loan is refinanced."),
    "Reversal": _refused(
        "already_reversed",
        f"The entry was reversed by {_UNDONE_BY}.",
        reversed_by_entry_id=_UNDONE_BY,
    ),
    "Refinance": _refused("new_loan_exists", "The new loan's id is taken."),
    "ChargeOff": _NO_LOAN,
    "Recovery": _NO_LOAN,
    "ManualAdjustment": _refused(
        "unbalanced", "Debits and credits differ in a currency and layer."
    ),
    "PeriodClose": _refused("period_already_closed", "The books are closed through 2026-01-31."),
    "QuarantineResume": Problem(code="not_quarantined", command_id=UUID(COMMAND)),
    "QuarantineReject": _refused(
        "step_cannot_be_rejected", "A RefinanceOpening can only be resumed."
    ),
}
"""Operation's name -> one of its refusals, once all of `examples` have posted."""

READ: Final[dict[str, dict[str, Answer]]] = {
    "CommandState": {
        "posted": {"command_id": COMMAND, "status": "posted", "result": _PAYMENT},
        "pending": PENDING,
    },
    "AccrualProgress": {
        "posted": {
            **_BATCH,
            "status": "posted",
            "program_id": PROGRAM,
            "accrual_date": "2026-01-31",
            "currency": "USD",
            "expected_loan_count": 1,
            "expected_total_minor": "822",
            "rejected_total_minor": "0",
            "chunks_done": 1,
            "chunks_total": 1,
            "accepted_at": _instant("5e02"),
        }
    },
    "RejectionPage": {
        "one": {"items": [{"loan_id": NEW_LOAN, "code": "loan_not_found", "step": "accrual"}]}
    },
}
"""Answer's name -> the 200 of a read, by what it shows."""
