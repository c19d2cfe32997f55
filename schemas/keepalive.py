"""libpq's parameters by which a Postgres that vanished without a word is noticed in seconds."""

from types import MappingProxyType
from typing import Any, Final

KEEPALIVE: Final = MappingProxyType[str, Any](
    {
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
)
