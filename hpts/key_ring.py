"""The signing keys as the command line can use them."""

from typing import Final

from hpts.database import Administrator
from posting_engine.key_ring import ring_from
from schemas.signing import SigningKey

_COLUMNS: Final = ("key_id", "secret_reference", "tenants", "valid_from", "valid_until")


def ring_of(database: Administrator) -> dict[str, SigningKey]:
    """The keys of the ring whose secrets can be read here."""
    rows = database.ask("load_whole_key_ring")
    return ring_from(dict(zip(_COLUMNS, row, strict=True)) for row in rows)
