"""Where webhooks must not go: no connection is made, however the address is written or hidden."""

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

import httpcore
import pytest

from deliveries.webhooks.network import Forbidden, Network, NotReached
from hpts.local import ports
from schemas.webhook_targets import _NOT_PUBLIC, fault_of, is_public

ENDS = [
    str(address)
    for network in _NOT_PUBLIC
    for address in (network.network_address, network.broadcast_address)
]
ADDRESSES = [
    *ENDS,
    *("127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *("0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1"),
    *("::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "::ffff:8.8.8.8", "100::1", "100:0:0:1::1"),
    *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "5f00::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2001::1", "2001:0:7f00:1::"),
    *("2001:10::1", "2001:20::1", "2001:2::1", "2001:db8::1", "3fff::1", "3fff:fff::1"),
    *("fc00::1", "fd00::1", "fd00:ec2::254", "fd12:3456:789a::1", "fe80::1", "fe80::1%1"),
    *("febf::1", "fec0::1", "feff::1", "ff02::1", "ff05::2", "ffff::1", "1::1", "0:0:1::1"),
    *("400::1", "4000::1", "8000::1", "e000::1", "not an address", ""),
]
"""What a name may stand for, and must not be connected to."""
SPELLINGS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1"),
    *(
        "0177.0.0.1",
        "127.0.0.01",
        "0x7f.0x0.0x0.0x1",
        "0",
        "0.0.0.0",
        "00.0.0.0",
        "127.127.127.127",
    ),
    *("localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[0::1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]"),
]
"""Ways to write this machine that lead here."""
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255"),
    *("172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"),
    *(
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:830::200e",
        "2001:4860:4860::8888",
    ),
]


class NeverConnects(httpcore.AsyncNetworkBackend):
    """In place of the operating system: notes what would have been connected to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("a test connects to nobody")


class Names:
    """A name server: each name's addresses, one answer after another."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def resolve(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self._answers.pop(0)


@pytest.fixture
def trap() -> Iterator[tuple[int, list[str]]]:
    """A listener on every address of this machine, both families; who has connected to it."""
    seen: list[str] = []
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def listen() -> None:
        while True:
            try:
                link, address = listener.accept()
            except OSError:
                return
            seen.append(str(address[0]))
            link.close()

    threading.Thread(target=listen, daemon=True).start()
    yield listener.getsockname()[1], seen
    listener.close()


def posted(network: Network, urls: Iterable[str]) -> list[str]:
    """How each attempt ended: the kind of its failure, or its status."""

    async def post() -> list[str]:
        ends = []
        for url in urls:
            try:
                ends.append(str(await network.post(url, [], b"{}", within_s=5)))
            except NotReached as reason:
                ends.append(type(reason).__name__)
        await network.close()
        return ends

    return asyncio.run(post())


def test_there_are_enough_of_them() -> None:
    assert len(set(ADDRESSES)) + len(SPELLINGS) >= 100


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_name_leads_to_an_address_that_is_not_public(scheme: str) -> None:
    inner = NeverConnects()
    for address in ADDRESSES:
        network = Network(frozenset(), resolve=Names([address]).resolve, inner=inner)
        assert posted(network, [f"{scheme}://receiver.example/"]) == ["Forbidden"], address
    assert inner.asked == []


def test_nor_where_only_one_of_its_addresses_is_not() -> None:
    inner = NeverConnects()
    names = Names(["1.1.1.1", "127.0.0.1"], ["2606:4700:4700::1111", "fe80::1"])
    network = Network(frozenset(), resolve=names.resolve, inner=inner)
    assert posted(network, ["https://receiver.example/"] * 2) == ["Forbidden"] * 2
    assert inner.asked == []


def test_a_name_is_looked_up_once_and_its_address_connected_to() -> None:
    """A name that changes its address between two look-ups gains nothing: there is one."""
    inner, names = NeverConnects(), Names(["1.1.1.1"], ["127.0.0.1"])
    network = Network(frozenset(), resolve=names.resolve, inner=inner)
    posted(network, ["https://receiver.example/"])
    assert (names.asked, inner.asked) == (1, ["1.1.1.1"])


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_may_be_told(address: str) -> None:
    inner = NeverConnects()
    network = Network(frozenset(), resolve=Names([address]).resolve, inner=inner)
    posted(network, ["https://receiver.example/"])
    assert inner.asked == [address]


def test_no_spelling_of_this_machine_leads_to_it(trap: tuple[int, list[str]]) -> None:
    port, seen = trap
    urls = [f"{scheme}://{host}:{port}/" for host in SPELLINGS for scheme in ("http", "https")]
    ends = posted(Network(frozenset()), urls)
    # A resolver may not take each of them: then there is no address at all.
    assert set(ends) <= {Forbidden.__name__, NotReached.__name__}
    assert ends.count(Forbidden.__name__) > len(SPELLINGS)
    assert seen == []
    posted(Network(frozenset({ports.HOST})), [f"http://{ports.HOST}:{port}/"])
    assert len(seen) == 1, "the trap does not work"


@pytest.mark.parametrize(
    ("named", "host", "is_allowed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1:{port}", "127.0.0.1", True),
        ("127.0.0.1:1", "127.0.0.1", False),
        ("localhost", "127.0.0.1", False),
        ("127.0.0.1", "127.1", False),
    ],
)
def test_the_deployment_allows_by_name_alone(
    trap: tuple[int, list[str]], named: str, host: str, is_allowed: bool
) -> None:
    port, seen = trap
    names = frozenset({named.format(port=port)})
    posted(Network(names), [f"http://{host}:{port}/"])
    assert bool(seen) is is_allowed
    assert (fault_of(f"http://{host}:{port}/", names) is None) is is_allowed


def test_the_lists_hold_what_python_itself_calls_private() -> None:
    """Ours are stricter, and do not change with Python's release."""
    for text in ADDRESSES:
        assert not is_public(text)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7"):
        assert all(not is_public(str(ip_network(network)[n])) for n in (0, 1, 77, -1)), network
