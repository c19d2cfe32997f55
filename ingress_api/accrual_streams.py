"""An accrual batch as a stream of lines (NDJSON): first what it says of itself, then a loan a line.

    piece of the body ── gzip ──> whole lines ── known spelling ──> rows, thousands at once
                                      │              others, one by one, by the strict parser
                                      └── rest, for the next piece

It means what the same batch means as one JSON document: the same faults at the same places (the
message adds the line), and the same fingerprint. Pure, and never holds more than the rows (32
bytes a loan) and one piece of the body.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from ingress_api.accrual_batches import (
    HEADER,
    LISTED_AGAIN,
    Batch,
    batch_of,
    pack_loan,
    read_envelope,
)
from ingress_api.bodies import Values, invalid, latest_on
from ingress_api.fields import Faults
from ingress_api.loan_arrays import Block, Loans, Spelling, spelling_of
from schemas.problems import MOST_FAULTS, FieldError, Problem, ProblemError
from schemas.strict_json import Document, parse

MEDIA_TYPE: Final = "application/x-ndjson"
MAX_LOANS: Final = 5_000_000
MAX_LINE_BYTES: Final = 4 * 1024
MAX_STREAM_BYTES: Final = 1024 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
MOST_SPELLINGS: Final = 8
"""Batches of more writers than this are read, too, only slower."""


class Gunzip:
    """A gzip stream in pieces; several members, one after another, are one stream."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._is_between = True

    def take(self, piece: bytes) -> Iterator[bytes]:
        """What a piece holds, in bounded pieces; raises `malformed_json` where it is damaged."""
        try:
            while piece:
                self._is_between = False
                text = self._member.decompress(piece, PIECE_BYTES)
                piece = self._member.unconsumed_tail
                if self._member.eof:
                    piece = self._member.unused_data
                    self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                    self._is_between = True
                yield text
        except zlib.error:
            raise _malformed("The gzip stream is damaged.") from None

    def end(self) -> None:
        """Nothing more comes."""
        if not self._is_between:
            raise _malformed("The gzip stream is cut off.")


class BatchReader:
    """Takes the body piece by piece; `finish` gives the batch.

    Every refusal is a `ProblemError`, raised as soon as nothing more could change it, or at the
    end with every fault there is.
    """

    def __init__(
        self,
        accepted_on: date,
        default_currency: str | None,
        *,
        is_gzip: bool = False,
        most_loans: int = MAX_LOANS,
    ) -> None:
        self._most_loans = most_loans
        self._latest_on = latest_on(accepted_on)
        self._default_currency = default_currency
        self._gunzip = Gunzip() if is_gzip else None
        self._size = 0
        self._rest = b""
        self._header: Values | None = None
        self._faults: list[FieldError] = []
        self._faults_of_loans: list[tuple[int, FieldError]] = []
        self._spellings: list[Spelling] = []
        self._loans = Loans()

    def take(self, piece: bytes) -> None:
        """The next piece of the body, cut anywhere."""
        for text in (piece,) if self._gunzip is None else self._gunzip.take(piece):
            self._size += len(text)
            if self._size > MAX_STREAM_BYTES:
                raise _too_large(f"The body may have {MAX_STREAM_BYTES} bytes.")
            text = self._rest + text
            whole = text.rfind(b"\n") + 1
            self._rest = text[whole:]
            if whole:
                self._take_lines(text[:whole])
            if len(self._rest) > MAX_LINE_BYTES:
                raise self._too_long(-1 if self._header is None else len(self._loans))

    def finish(self) -> Batch:
        """The batch of a body that has ended; raises as `read_batch` does."""
        if self._gunzip is not None:
            self._gunzip.end()
        if self._rest or self._header is None:
            self._take_lines(self._rest + b"\n")
        if self._header is None or not self._loans:
            self._faults.append(_wrong_count(self._most_loans))
        if self._faults or self._faults_of_loans or self._loans.duplicates():
            raise self._refusal()
        return batch_of(self._header or {}, self._loans, self._default_currency)

    def _take_lines(self, text: bytes) -> None:
        if self._header is None:
            first, _, text = text.partition(b"\n")
            self._read_header(first)
        if text:
            self._take_loans(Block(text))

    def _take_loans(self, block: Block) -> None:
        too_long = block.first_longer_than(MAX_LINE_BYTES)
        if too_long is not None:
            # What is wrong before it is found first, however the body was cut into pieces.
            if too_long:
                self._take_loans(block.until(too_long))
            raise self._too_long(len(self._loans))
        if len(self._loans) + len(block) > self._most_loans:
            self._faults.append(_wrong_count(self._most_loans))
            raise self._refusal()
        read = self._read_lines(block)
        self._loans.extend(block.rows[:read].tobytes())
        if len(self._faults) + len(self._faults_of_loans) >= MOST_FAULTS:
            raise self._refusal()

    def _read_header(self, line: bytes) -> None:
        if len(line) > MAX_LINE_BYTES:
            raise self._too_long(-1)
        document = self._parse(line, -1)
        faults = Faults(self._latest_on)
        faults.take(document.faults)
        self._header = read_envelope(document.value, HEADER, faults, self._default_currency)
        self._faults += faults.errors

    def _read_lines(self, block: Block) -> int:
        """Read every line; how many there are until faults are enough."""
        for spelling in self._spellings:
            block.read(spelling)
        while unread := block.unread():
            for place in unread:
                learned = self._read_strictly(block, place)
                if len(self._faults) + len(self._faults_of_loans) >= MOST_FAULTS:
                    return place + 1
                if learned is not None:
                    # The lines that follow may all look like it.
                    block.read(learned)
                    break
        return len(block)

    def _read_strictly(self, block: Block, place: int) -> Spelling | None:
        """Read one line by the parser of all bodies; its spelling where that is a new one."""
        line, index = block.line(place), len(self._loans) + place
        document = self._parse(line, index)
        pointer = f"/loans/{index}"
        faults = Faults(self._latest_on)
        faults.take([replace(one, field=pointer + one.field) for one in document.faults])
        block.put(place, pack_loan(document.value, pointer, faults))
        if faults.errors:
            self._faults_of_loans += [(index, _on_line(one, index)) for one in faults.errors]
            return None
        if len(self._spellings) == MOST_SPELLINGS:
            return None
        spelling = spelling_of(line)
        if spelling is None or spelling in self._spellings:
            return None
        self._spellings.append(spelling)
        return spelling

    def _parse(self, line: bytes, index: int) -> Document:
        try:
            return parse(line)
        except ProblemError as error:
            told = f"Line {_number(index)}: {error.problem.detail}"
            raise ProblemError(replace(error.problem, detail=told)) from None

    def _too_long(self, index: int) -> ProblemError:
        return _too_large(f"Line {_number(index)} is longer than {MAX_LINE_BYTES} bytes.")

    def _refusal(self) -> ProblemError:
        """`validation_failed` with the faults of the first lines, as `Faults` would tell them."""
        again = [
            (index, FieldError(f"/loans/{index}/loan_id", "duplicate_loan", LISTED_AGAIN))
            for index in self._loans.duplicates()[:MOST_FAULTS]
        ]
        of_loans = [*self._faults_of_loans, *((i, _on_line(one, i)) for i, one in again)]
        # Stable, so that of one loan its own faults come first.
        of_loans.sort(key=lambda fault: fault[0])
        errors = [*self._faults, *(fault for _, fault in of_loans)]
        if len(errors) < MOST_FAULTS:
            return invalid(errors)
        detail = f"The body has {MOST_FAULTS} faults or more; the first ones are listed."
        told = tuple(errors[:MOST_FAULTS])
        return ProblemError(Problem(code="validation_failed", detail=detail, errors=told))


def _number(index: int) -> int:
    """The line, counted from 1, of a loan counted from 0; the first line is the batch."""
    return index + 2


def _on_line(fault: FieldError, index: int) -> FieldError:
    return replace(fault, message=f"line {_number(index)}: {fault.message}")


def _wrong_count(most_loans: int) -> FieldError:
    return FieldError("/loans", "invalid_length", f"must have 1 to {most_loans} loans")


def _malformed(detail: str) -> ProblemError:
    return ProblemError(Problem(code="malformed_json", detail=detail))


def _too_large(detail: str) -> ProblemError:
    return ProblemError(Problem(code="payload_too_large", detail=detail))
