"""The settings of the read edge, from `HPTS_*` variables; read once in `__main__`."""

from pathlib import Path

from pydantic import Field, SecretStr

from schemas.observing import ObservingSettings
from schemas.partners.settings import PartnerSettings


class Settings(PartnerSettings, ObservingSettings):
    """Everything that the process is told from outside. Faults are reported all at once."""

    read_postgres_dsn: SecretStr
    page_token_secret_file: Path
    token_issuer: str
    token_audience: str
    jwks_url: str
    token_algorithm: str = "RS256"
    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    postgres_connections: int = Field(default=8, ge=1)
    max_in_flight: int = Field(default=2_000, ge=1)
    max_in_flight_per_tenant: int = Field(default=1_000, ge=1)
    max_requests_per_second_per_tenant: int = Field(default=10_000, ge=1)
    """In this process; beyond it 429. A second's worth may come at once."""
    most_lag_s: float = Field(default=30.0, gt=0)
    """A partition that has not been applied up to this long ago makes the service not ready."""
    log_level: str = "INFO"
