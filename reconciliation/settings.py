"""The settings of reconciliation, from HPTS_* variables, read once in `__main__`."""

from pydantic import Field, SecretStr

from schemas.kafka_security import KafkaSecurity
from schemas.observing import ObservingSettings


class Settings(KafkaSecurity, ObservingSettings):
    """Everything reconciliation is told from outside. Faults are reported all at once."""

    reconciliation_postgres_dsn: SecretStr
    kafka_bootstrap: str
    host: str = "127.0.0.1"
    reconciliation_port: int = Field(default=8083, ge=0, le=65535)
    """Where health is told."""
    reconciliation_interval_s: float = Field(default=15.0, gt=0)
    """From the end of one scheduled run to the start of the next."""
    reconciliation_share: float = Field(default=0.1, gt=0, le=1)
    """The part of the time that a check may take: one that takes long comes round less often."""
    reconciliation_grace_s: float = Field(default=120.0, gt=0)
    """How long the steps of a refinance may leave account 2200 open."""
    reconciliation_nice: int = Field(default=10, ge=0, le=19)
    """How far the process stands back for payments on the same machine (nice)."""
    log_level: str = "INFO"
