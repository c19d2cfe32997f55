"""The engine's settings, from HPTS_* variables, read once in `__main__`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from schemas.kafka_security import KafkaSecurity
from schemas.observing import ObservingSettings


class Settings(KafkaSecurity, ObservingSettings):
    """Everything the engine is told from outside. Faults are reported all at once."""

    engine_postgres_dsn: SecretStr
    kafka_bootstrap: str
    signing_key_id: str
    engine_slot: int = Field(default=0, ge=0)
    batch_records: int = Field(default=500, ge=1, le=10_000)
    max_poll_interval_ms: int = Field(default=60_000, ge=6_000)
    """How long a batch may take before another engine is given the partitions."""
    profile: str = "production"
    """`local` takes topics of one replica; every other word demands three, or `durability`."""
    durability: Literal["power", ""] = ""
    """`power`: one replica will do where every command is flushed before it is acknowledged."""
    log_level: str = "INFO"
    checkpoint_key_file: Path | None = None
    """An Ed25519 private key in PEM, by which checkpoints are signed. Without, none are made."""
    checkpoint_folder: Path | None = None
    """Where checkpoints are appended to a file, too. Without, the topic alone has them."""
    checkpoint_seconds: float = Field(default=60.0, gt=0, le=3_600)
