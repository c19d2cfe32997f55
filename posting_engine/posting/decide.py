"""What a command does to the books: `decide(command, place, page) -> Posting | Refusal`.

Each event is one function: its refusals in order of precedence, then its amounts; the accounts
come from `rules`. Everything a decision needs is in its arguments, so the same log always gives
the same books.
"""

from posting_engine.posting import accrual, reversal, rules, waterfall
from posting_engine.posting.entries import entry_of, result_of
from posting_engine.posting.journal import BrokenInvariant, Subject
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Decision, DisbursedAmount, Page, Place, Posting
from posting_engine.posting.refusals import Refusal
from posting_engine.posting.shortfall import out_of_range
from schemas import ids
from schemas.commands import AccrualChunk, AnyCommand, Disbursement, Payment, Reversal
from schemas.money import format_minor


def decide(command: AnyCommand, place: Place, page: Page) -> Decision:
    """Decide one command. Raises `BrokenInvariant` only where a bug or a damaged log shows."""
    if command.rules_version not in rules.SUPPORTED_VERSIONS:
        raise BrokenInvariant(f"rules version {command.rules_version} is unknown")
    match command:
        case Disbursement():
            return _disburse(command, place, page)
        case Payment():
            return _receive_payment(command, place, page)
        case AccrualChunk():
            return accrual.decide_chunk(command, place, page)
        case Reversal():
            return reversal.decide_reversal(command, place, page)


def _disburse(command: Disbursement, place: Place, page: Page) -> Decision:
    loan = page.loan_of(command.tenant_id, command.loan_id)
    if loan is not None and loan.reserved_by is not None:
        return Refusal("loan_reserved", "A refinance has reserved this loan id.")
    if loan is None or loan.is_cancelled:
        loan = _opened(command, place, page, earlier=loan)
    elif loan.status in ("charged_off", "refinanced"):
        return Refusal("loan_closed", f"The loan is {loan.status}.")
    elif (mismatch := _mismatch(command, loan)) is not None:
        return mismatch
    # A disbursement is known outside by where it went, unless the client names it otherwise.
    reference = command.external_ref or command.destination_ref
    subject = Subject(command.currency, command.loan_id, command.borrower_id, reference)
    entry = entry_of(
        command,
        place,
        page,
        event=(rules.DISBURSEMENT, ids.DISBURSEMENT_EVENT),
        effective_on=command.effective_on,
        lines=rules.lines_of(rules.DISBURSEMENT, {"amount": command.amount_minor}, subject),
    )
    after = loan.with_lines(
        entry.lines, place.posted_at, standing_openings=loan.standing_openings + 1
    )
    if after.is_out_of_range():
        return out_of_range()
    disbursed = DisbursedAmount(
        entry.event_id, command.loan_id, entry.journal_entry_id, command.amount_minor
    )
    result = result_of("disbursement_event_id", entry, after)
    return Posting(result=result, entry=entry, loans=(after,), disbursed=(disbursed,))


def _receive_payment(command: Payment, place: Place, page: Page) -> Decision:
    loan = page.loan_of(command.tenant_id, command.loan_id)
    if loan is None or loan.is_cancelled:
        return Refusal("loan_not_found", "No such loan.")
    if (mismatch := _mismatch(command, loan)) is not None:
        return mismatch
    if loan.status == "charged_off":
        return Refusal("loan_charged_off", "The loan is charged off: post a recovery instead.")
    if command.allocation == "hold" or loan.status == "refinanced":
        parts = waterfall.hold(command.amount_minor)
    else:
        parts = waterfall.allocate(command.amount_minor, loan, command.waterfall_version)
    amounts = {"amount": command.amount_minor, **parts}
    subject = Subject(command.currency, command.loan_id, command.borrower_id, command.external_ref)
    entry = entry_of(
        command,
        place,
        page,
        event=(rules.PAYMENT_RECEIVED, ids.PAYMENT_EVENT),
        effective_on=command.effective_on,
        lines=rules.lines_of(rules.PAYMENT_RECEIVED, amounts, subject),
    )
    after = loan.with_lines(
        entry.lines,
        place.posted_at,
        standing_payments=loan.standing_payments + 1,
        collected_principal_minor=loan.collected_principal_minor + parts["principal"],
        collected_interest_minor=loan.collected_interest_minor + parts["interest"],
        collected_fees_minor=loan.collected_fees_minor + parts["fees"],
    )
    if after.is_out_of_range():
        return out_of_range()
    allocation = {f"{name}_minor": format_minor(part) for name, part in parts.items()}
    result = result_of("payment_event_id", entry, after) | {"allocation": allocation}
    return Posting(result=result, entry=entry, loans=(after,))


def _mismatch(command: Disbursement | Payment, loan: Loan) -> Refusal | None:
    if command.borrower_id != loan.borrower_id:
        return Refusal("borrower_mismatch", "The loan belongs to another borrower.")
    if command.currency != loan.currency:
        return Refusal("currency_mismatch", f"The loan is kept in {loan.currency}.")
    return None


def _opened(command: Disbursement, place: Place, page: Page, *, earlier: Loan | None) -> Loan:
    """A new loan, or a cancelled one opened anew: it starts from zero."""
    return Loan(
        tenant_id=command.tenant_id,
        loan_id=command.loan_id,
        borrower_id=command.borrower_id,
        currency=command.currency,
        opened_on=command.effective_on,
        last_activity_at=place.posted_at,
        life=1 if earlier is None else earlier.life + 1,
        life_began_seq=page.next_entry_seq,
        version=0 if earlier is None else earlier.version,
    )
