"""A batch from its lines, as `POST /accruals/batch` takes them: its terms, then one loan each.

Held to the same rules as the HTTP route, because what a direct producer signs nobody checks again.
Canonical lines are read a block at a time by one expression; a block with any other line is read
again line by line by the strict parser, which also says what is wrong. Nothing here speaks to
Kafka: a batch is whole and sound before a single record is made of it.
"""

import re
from binascii import unhexlify
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO, Final
from uuid import UUID

from hpts_client.chunks import ITEM, MOST_LOANS, MOST_TOTAL_MINOR, LoanListedTwice, Loans
from hpts_client.terms import Fault, Header, amount_of, identifier_of, read_header, unknown_in
from schemas.money import MAX_AMOUNT_MINOR
from schemas.problems import ProblemError
from schemas.strict_json import parse

MOST_LINE_BYTES: Final = 4_096
MOST_FAULTS: Final = 100
"""So many are told; what is wrong with the rest will be much the same."""
_BLOCK_BYTES: Final = 256 * 1024
_LOAN_MEMBERS: Final = ("loan_id", "outstanding_principal_minor", "interest_minor")
_CANONICAL: Final = re.compile(
    rb'^\{"loan_id": ?"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", ?'
    rb'"outstanding_principal_minor": ?"(0|[1-9][0-9]{0,14})", ?'
    rb'"interest_minor": ?"(0|[1-9][0-9]{0,14})"\}\r?\n',
    re.MULTILINE,
)
_NIL: Final = bytes(16)


class BatchRefused(Exception):
    """The batch is not sound. `faults` say where and why; the first ones where there are many."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Batch:
    """A sound batch: its terms, its loans sorted, and the fingerprint that names its meaning."""

    header: Header
    loans: Loans
    fingerprint: bytes


@dataclass(slots=True)
class _Reading:
    loans: Loans
    line: int = 1
    faults: list[Fault] = field(default_factory=list)

    def note(self, where: str, code: str, message: str) -> None:
        self.faults.append(Fault(self.line, where, code, message))
        if len(self.faults) >= MOST_FAULTS:
            raise BatchRefused(self.faults)


def read_batch(lines: BinaryIO, tenant_id: UUID, partition_count: int, accepted_on: date) -> Batch:
    """A batch from a binary stream; raises `BatchRefused`. `accepted_on` is today, in UTC."""
    reading = _Reading(Loans(tenant_id, partition_count))
    header, faults = read_header(lines.readline(MOST_LINE_BYTES + 1), accepted_on)
    reading.faults += faults
    for block in _blocks(lines):
        _read_block(block, reading)
        if reading.loans.count > MOST_LOANS:
            reading.note("", "invalid_length", f"a batch has at most {MOST_LOANS} loans")
            break
    if header is None or reading.faults:
        raise BatchRefused(reading.faults)
    _check_whole(header, reading)
    return Batch(header, reading.loans, header.fingerprint(reading.loans.listed_digest))


def _check_whole(header: Header, reading: _Reading) -> None:
    loans, reading.line = reading.loans, 0
    if loans.count == 0:
        reading.note("", "invalid_length", "a batch has at least one loan, a line each")
    if loans.interest_total_minor > MOST_TOTAL_MINOR:
        reading.note("", "amount_out_of_range", f"interest sums to over {MOST_TOTAL_MINOR}")
    for name, declared, found in (
        ("/expected_loan_count", header.expected_loan_count, loans.count),
        ("/expected_total_minor", header.expected_total_minor, loans.interest_total_minor),
    ):
        if declared is not None and declared != found:
            reading.note(name, "manifest_mismatch", f"is {declared}; the loans have {found}")
    try:
        loans.sort()
    except LoanListedTwice as twice:
        reading.note("/loan_id", "duplicate_loan", str(twice))
    if reading.faults:
        raise BatchRefused(reading.faults)


def _blocks(lines: BinaryIO) -> Iterator[bytes]:
    """Whole lines, each block ending in a line feed; the file's last line need not have one."""
    rest = b""
    while more := lines.read(_BLOCK_BYTES):
        block, feed, after = more.rpartition(b"\n")
        if feed:
            yield rest + block + feed
            rest = after
        else:
            rest += after
        if len(rest) > MOST_LINE_BYTES:
            yield rest[: MOST_LINE_BYTES + 1] + b"\n"  # refused for its length, and read no further
            return
    if rest:
        yield rest + b"\n"


def _read_block(block: bytes, reading: _Reading) -> None:
    found = _CANONICAL.findall(block)
    if len(found) != block.count(b"\n"):
        _read_lines(block, reading)
        return
    pack, nil = ITEM.pack, _NIL
    items = [
        pack(unhexlify(loan_id.replace(b"-", b"")), int(principal), int(interest))
        for loan_id, principal, interest in found
    ]
    if any(item.startswith(nil) for item in items):
        _read_lines(block, reading)
        return
    reading.loans.add(items, sum(int(interest) for _, _, interest in found))
    reading.line += len(found)


def _read_lines(block: bytes, reading: _Reading) -> None:
    for line in block.split(b"\n")[:-1]:
        reading.line += 1
        if len(line) > MOST_LINE_BYTES:
            reading.note("", "payload_too_large", f"a line has at most {MOST_LINE_BYTES} bytes")
            continue
        try:
            document = parse(line)
        except ProblemError as error:
            problem = error.problem
            reading.note("", problem.code, str(problem.detail or "The line is not JSON."))
            continue
        _read_loan(document.value, reading)


def _read_loan(value: object, reading: _Reading) -> None:
    if not isinstance(value, dict):
        reading.note("", "invalid_type", "must be an object")
        return
    before = len(reading.faults)
    members: dict[str, Any] = value
    for name in unknown_in(members, _LOAN_MEMBERS):
        reading.note(f"/{name}", "unknown_field", "is not a known member")
    loan_id = identifier_of(members, "loan_id", reading.note)
    if loan_id is not None and loan_id.int == 0:
        reading.note("/loan_id", "invalid_value", "must not be the nil UUID")
    principal_minor, interest_minor = (
        amount_of(members, name, reading.note, most_minor=MAX_AMOUNT_MINOR)
        for name in _LOAN_MEMBERS[1:]
    )
    if len(reading.faults) > before:
        return
    if loan_id is not None and principal_minor is not None and interest_minor is not None:
        item = ITEM.pack(loan_id.bytes, principal_minor, interest_minor)
        reading.loans.add([item], interest_minor)
