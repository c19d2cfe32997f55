"""The canonical bytes of an accrual's lines, made from arrays (see `schemas.chain`).

What `schemas.chain` would write of them one by one; a test compares. No driver and no rule here.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from posting_engine.posting.journal import Line

_DASHED: Final = (slice(0, 8), slice(8, 12), slice(12, 16), slice(16, 20), slice(20, 32))
_ID_WIDTH: Final = 36
_DIGITS: Final = 19
_TENS: Final = 10 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.int64)


def lines_json(
    model: Line, loan_ids: NDArray[Any], borrower_ids: NDArray[Any], amounts_minor: NDArray[Any]
) -> bytes:
    """JSON of lines that are as `model` but for loan, borrower and amount (> 0), with a comma
    behind each.
    """
    pieces = (
        _same(f'["{model.account_code}","{model.direction}",'),
        _digits(amounts_minor),
        _same(f',"{model.currency}","{model.layer}","'),
        _texts_of(loan_ids),
        _same('","'),
        _texts_of(borrower_ids),
        _same('",null],'),
    )
    table = np.empty((len(amounts_minor), sum(piece.shape[1] for piece in pieces)), np.uint8)
    begin = 0
    for piece in pieces:
        end = begin + piece.shape[1]
        table[:, begin:end] = piece
        begin = end
    # Digits are right-aligned; what is left of the first is no byte of the text.
    return bytes(table[table != 0])


def line_json(line: Line) -> bytes:
    """JSON of a line without loan and borrower."""
    return (
        f'["{line.account_code}","{line.direction}",{line.amount_minor},'
        f'"{line.currency}","{line.layer}",null,null,null]'
    ).encode()


def _same(text: str) -> NDArray[np.uint8]:
    """Text that is the same in every line, as one row."""
    return np.frombuffer(text.encode(), np.uint8).reshape(1, -1)


def _digits(amounts_minor: NDArray[Any]) -> NDArray[np.uint8]:
    """ASCII digits in columns, zero bytes for leading zeros."""
    most = len(str(int(amounts_minor.max())))
    tens = _TENS[-most:]
    quotients = amounts_minor[:, None] // tens
    digits = (quotients % 10 + ord("0")).astype(np.uint8)
    digits[quotients == 0] = 0
    return digits


def _texts_of(identifiers: NDArray[Any]) -> NDArray[np.uint8]:
    """The 36 characters of each UUID."""
    digits = identifiers.tobytes().hex().encode()
    plain = np.frombuffer(digits, np.uint8).reshape(len(identifiers), 32)
    text = np.full((len(identifiers), _ID_WIDTH), ord("-"), np.uint8)
    for number, part in enumerate(_DASHED):
        text[:, part.start + number : part.stop + number] = plain[:, part]
    return text
