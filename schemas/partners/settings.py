"""What a service is told of partners, from `HPTS_PARTNER_*` variables."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

Network = IPv4Network | IPv6Network


def _networks(text: object) -> object:
    """Addresses or networks, between commas."""
    if not isinstance(text, str):
        return text
    return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())


class PartnerSettings(BaseSettings):
    """The partner listener of a service; without `partner_port` there is none."""

    partner_host: str = "127.0.0.1"
    partner_port: int | None = Field(default=None, ge=1, le=65535)
    partner_certificate_file: Path | None = None
    """The listener's own certificate, in PEM, those of its authorities after it."""
    partner_key_file: Path | None = None
    partner_ca_file: Path | None = None
    """The authorities whose client certificates are taken, in PEM."""
    partner_revocation_file: Path | None = None
    """Their revocation lists, in PEM; without, no certificate is ever taken back."""
    partner_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()
    """Addresses whose `Client-Cert` header is believed, and needed (RFC 9440)."""

    @model_validator(mode="after")
    def _is_whole(self) -> "PartnerSettings":
        files = ("partner_certificate_file", "partner_key_file", "partner_ca_file")
        missing = [f"HPTS_{name.upper()}" for name in files if getattr(self, name) is None]
        if self.partner_port is not None and missing:
            raise ValueError(f"the partner listener needs {', '.join(missing)}")
        return self
