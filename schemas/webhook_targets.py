"""Where webhooks may go: https, to public addresses. What the deployment names may be anything.

Pure. The rule is for the address that is connected to (`is_public`); the one for URLs (`fault_of`)
only tells people early. An address is public where it is in no list below, whatever the operating
system makes of it: what carries an IPv4 address within an IPv6 one (mapped, 6to4, Teredo, NAT64) is
refused whole.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

MOST_CHARACTERS: Final = 2_048
_PORTS: Final = {"https": 443, "http": 80}
_PUBLIC_IPV6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT, and a cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's own services
        "169.254.0.0/16",  # link-local: metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether an address (as `getaddrinfo` writes it) is one of the internet's."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and (found.scope_id or found not in _PUBLIC_IPV6):
        return False
    return not any(found in network for network in _NOT_PUBLIC if network.version == found.version)


def names_in(text: str) -> frozenset[str]:
    """The hosts in a setting, with or without a port, separated by commas."""
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())


def is_named(host: str, port: int, names: frozenset[str]) -> bool:
    """Whether the deployment allows this host (at this port, or at any) whatever its address."""
    return host.lower() in names or f"{host.lower()}:{port}" in names


def fault_of(url: str, names: frozenset[str]) -> str | None:
    """Why an endpoint cannot have this URL; None where it can."""
    if len(url) > MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be at most {MOST_CHARACTERS} printable ASCII characters"
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "must be a URL"
    return _fault_of_parts(parts, port, names)


def _fault_of_parts(parts: SplitResult, port: int, names: frozenset[str]) -> str | None:
    host = parts.hostname
    if parts.scheme not in _PORTS or not host:
        return "must be an https URL"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "must have no user, password or fragment"
    if is_named(host, port, names):
        return None
    if parts.scheme != "https":
        return "must be an https URL"
    if _is_address(host) and not is_public(host):
        return "must not name a private, local or reserved address"
    return None


def _is_address(host: str) -> bool:
    try:
        return isinstance(ip_address(host), IPv4Address | IPv6Address)
    except ValueError:
        return False
