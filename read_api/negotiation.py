"""Which media type answers an `Accept` header (RFC 9110 section 12.5.1). Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from schemas.problems import Problem, ProblemError

JSON: Final = "application/json"
CSV: Final = "text/csv"
HTML: Final = "text/html"

_QUALITY: Final = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_MOST_THOUSANDTHS: Final = 1_000


def media_type_for(values: Iterable[bytes], offered: Sequence[str]) -> str:
    """The offered type that is wanted most, the first of equals; raises 406 when none is.

    Without the header the first is wanted. The most specific range that matches a type gives
    its quality; a range whose `q` cannot be read counts as if it had none.
    """
    header = b",".join(values).decode("latin-1").lower()
    if not header.strip(" \t,"):
        return offered[0]
    qualities = dict(map(_range_of, header.split(",")))
    wanted = {media_type: _quality_of(media_type, qualities) for media_type in offered}
    best = max(offered, key=lambda media_type: wanted[media_type])
    if not wanted[best]:
        raise ProblemError(Problem(code="not_acceptable"))
    return best


def _range_of(text: str) -> tuple[str, int]:
    """A media range and its quality in thousandths."""
    media_range, *options = (part.strip(" \t") for part in text.split(";"))
    for option in options:
        if (found := _QUALITY.fullmatch(option)) is not None:
            whole, _, decimals = found[1].partition(".")
            return media_range, int(whole) * _MOST_THOUSANDTHS + int(decimals.ljust(3, "0"))
    return media_range, _MOST_THOUSANDTHS


def _quality_of(media_type: str, qualities: dict[str, int]) -> int:
    kind = media_type.partition("/")[0]
    for media_range in (media_type, f"{kind}/*", "*/*"):
        if media_range in qualities:
            return qualities[media_range]
    return 0
