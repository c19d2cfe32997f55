"""One message of each kind, in the order of their schema ids."""

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from schemas import codec, commands
from schemas.chart_of_accounts import CASH, FEE_INCOME
from schemas.codec import Outcome
from schemas.commands import Command
from schemas.cut_over import CutOver
from schemas.journal_topic import JournalEntry, JournalLine
from schemas.quarantine import DeadLetter, QuarantineReject, QuarantineResume
from tests import journal

ONE_ID = UUID("10a40000-0000-4000-8000-000000000001")


def members_of(command: Command) -> dict[str, Any]:
    return {field.name: getattr(command, field.name) for field in fields(command)}


REFINANCE = members_of(journal.refinance(100_00))
ENVELOPE = {name: getattr(journal.payment(1), name) for name in Command.__dataclass_fields__}
MIRROR = members_of(journal.refinance_reversal(ONE_ID))
EXAMPLES: tuple[codec.Message, ...] = (
    journal.disbursement(113_22, destination_ref="bank-7"),
    journal.payment(113_22, description="é", metadata={"a": "1", "b": "2"}),
    journal.accrual(8_22, idempotency_key="key/3/0"),
    journal.reversal(ONE_ID, loan_id=ONE_ID, part=0, chunks_total=1),
    Outcome(
        tenant_id=ONE_ID,
        command_id=ONE_ID,
        correlation_id=ONE_ID,
        idempotency_key="key",
        fingerprint=bytes(32),
        status="posted",
        result="{}",
        partition_id=3,
        command_offset=41,
    ),
    journal.settlement(ONE_ID, 113_22, loan_id=ONE_ID),
    journal.allocation(113_22, split={"fees": 13_22, "principal": 100_00}),
    journal.payment_return(ONE_ID),
    journal.fee(5_00),
    journal.waiver(5_00),
    journal.charge_off(),
    journal.recovery(5_00),
    journal.restructure(interest=8_22, fees=5_00),
    commands.Refinance(**REFINANCE),
    commands.RefinancePayoff(**REFINANCE),
    commands.RefinanceOpening(**REFINANCE | {"borrower_id": ONE_ID, "carried_minor": 913_22}),
    commands.RefinanceRelease(**journal.ENVELOPE, loan_id=ONE_ID, new_loan_id=ONE_ID),
    commands.RefinanceReversal(**MIRROR),
    commands.PayoffReversal(**MIRROR),
    replace(
        journal.adjustment(journal.DR(CASH, 5_00), journal.CR(FEE_INCOME, 5_00, "PENDING")),
        borrower_id=ONE_ID,
        accrued_through=journal.OPENED_ON,
    ),
    journal.close("2026-01"),
    commands.PeriodClosed(**members_of(journal.close("2026-01")), partition_id=3),
    QuarantineResume(**ENVELOPE, command_id=ONE_ID, partition_id=3, loan_id=ONE_ID),
    QuarantineReject(**ENVELOPE, command_id=ONE_ID, partition_id=3, explanation="é"),
    DeadLetter(
        partition_id=3,
        command_offset=41,
        kind="quarantine",
        reason="é",
        key=None,
        value=b"\0",
        value_length=1,
        headers=(("signature", b"s"), ("empty", None)),
        appended_at=journal.payment(1).accepted_at,
        tenant_id=ONE_ID,
        loan_id=ONE_ID,
        command_id=ONE_ID,
        decided_offset=42,
    ),
    JournalEntry(
        partition_id=3,
        entry_seq=17,
        tenant_id=ONE_ID,
        journal_entry_id=ONE_ID,
        part=0,
        event_type="payment_received",
        event_id=ONE_ID,
        effective_on=journal.OPENED_ON,
        booked_on=journal.OPENED_ON,
        posted_at=journal.payment(1).accepted_at,
        correlation_id=ONE_ID,
        reverses_entry_id=ONE_ID,
        reverses_part=0,
        actor="é",
        metadata={"a": "1"},
        details={},
        command_offset=41,
        entry_hash=bytes(32),
        lines=(
            JournalLine(
                sequence=1,
                account_code=CASH.code,
                direction="DR",
                amount_minor=113_22,
                currency="USD",
                layer="SETTLED",
                loan_id=ONE_ID,
            ),
        ),
    ),
    CutOver(
        partition_id=3,
        old_topic_id="AAAAAAAAAAAAAAAAAAAAAA",
        end_offset=41,
        last_entry_seq=17,
        chain_head=bytes(32),
        manifest_sha256=b"m" * 32,
    ),
)
