"""How a connection to Kafka is secured: `HPTS_KAFKA_*` variables, and librdkafka's words for them.

Nothing here can switch the checks of a certificate or of the broker's name off.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Security = Mapping[str, str]
"""What is added to a client's settings."""
PLAINTEXT: Final[Security] = MappingProxyType({})


class KafkaSecurity(BaseSettings):
    """Who the brokers must be, and who we are to them."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca_file: Path | None = None
    """The authorities that the brokers' certificates are of, in PEM."""
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None
    """Our own certificate and its key, in PEM, where the brokers want one."""
    kafka_sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password_file: Path | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "KafkaSecurity":
        protocol = self.kafka_security_protocol
        files = [self.kafka_ca_file, self.kafka_certificate_file, self.kafka_key_file]
        sasl = [self.kafka_sasl_username, self.kafka_sasl_password_file]
        if protocol == "PLAINTEXT" and any([*files, *sasl]):
            raise ValueError("certificates and passwords need HPTS_KAFKA_SECURITY_PROTOCOL")
        if protocol != "PLAINTEXT" and self.kafka_ca_file is None:
            raise ValueError(f"{protocol} needs HPTS_KAFKA_CA_FILE")
        if (self.kafka_certificate_file is None) != (self.kafka_key_file is None):
            raise ValueError("HPTS_KAFKA_CERTIFICATE_FILE and HPTS_KAFKA_KEY_FILE go together")
        if (protocol == "SASL_SSL") != all(sasl) or (protocol != "SASL_SSL" and any(sasl)):
            raise ValueError("a user's name and password file go with SASL_SSL, and it with them")
        password_file = self.kafka_sasl_password_file
        if password_file is not None and not password_file.is_file():
            raise ValueError("HPTS_KAFKA_SASL_PASSWORD_FILE is no file")
        return self

    @property
    def kafka_security(self) -> Security:
        """For librdkafka. Raises `OSError` for a password file that cannot be read any more."""
        protocol = self.kafka_security_protocol
        if protocol == "PLAINTEXT":
            return {}  # a plain one: it travels to other processes
        settings = {
            "security.protocol": protocol,
            "ssl.ca.location": str(self.kafka_ca_file),
            "enable.ssl.certificate.verification": "true",
            "ssl.endpoint.identification.algorithm": "https",
        }
        if self.kafka_certificate_file is not None:
            settings["ssl.certificate.location"] = str(self.kafka_certificate_file)
            settings["ssl.key.location"] = str(self.kafka_key_file)
        if self.kafka_sasl_username is not None and self.kafka_sasl_password_file is not None:
            password = self.kafka_sasl_password_file.read_text("utf-8").strip()
            settings["sasl.mechanism"] = self.kafka_sasl_mechanism
            settings["sasl.username"] = self.kafka_sasl_username
            settings["sasl.password"] = password
        return settings
