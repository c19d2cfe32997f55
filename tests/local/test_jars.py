"""The jar cache mends itself, and never lets in a jar that the lock does not pin."""

import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from hpts.local import jars
from hpts.local.jars import Jar, JarsUnavailable

PUBLISHED = b"what the repository publishes"
PINNED = Jar("org.example", "ledger", "1.0", sha256(PUBLISHED).hexdigest())


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Maven repository with one jar, on this machine."""
    folder = tmp_path / "repository" / "org" / "example" / "ledger" / "1.0"
    folder.mkdir(parents=True)
    (folder / "ledger-1.0.jar").write_bytes(PUBLISHED)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "repository"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"local": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


def test_a_missing_jar_is_fetched_and_then_kept(tmp_path: Path, repository: dict[str, str]) -> None:
    [path] = jars.ensure([PINNED], tmp_path / "cache", repository)
    assert path.read_bytes() == PUBLISHED

    nowhere = {"nowhere": "http://127.0.0.1:1"}
    assert jars.ensure([PINNED], tmp_path / "cache", nowhere) == [path]


@pytest.mark.parametrize("damage", [b"", PUBLISHED[:-1], PUBLISHED.replace(b"p", b"q")])
def test_a_damaged_jar_is_noticed_and_replaced(
    tmp_path: Path, repository: dict[str, str], damage: bytes
) -> None:
    [path] = jars.ensure([PINNED], tmp_path / "cache", repository)
    path.write_bytes(damage)

    assert jars.ensure([PINNED], tmp_path / "cache", repository) == [path]
    assert path.read_bytes() == PUBLISHED


def test_a_jar_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, repository: dict[str, str]
) -> None:
    other = Jar(PINNED.group, PINNED.artifact, PINNED.version, sha256(b"other").hexdigest())

    with pytest.raises(JarsUnavailable, match=r"org\.example:ledger:1\.0 is not what"):
        jars.ensure([other], tmp_path / "cache", repository)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_without_a_network_the_message_names_the_jar_and_the_remedy(tmp_path: Path) -> None:
    nowhere = {"nowhere": "http://127.0.0.1:1"}

    with pytest.raises(JarsUnavailable, match=r"(?s)org\.example:ledger:1\.0 .*network"):
        jars.ensure([PINNED], tmp_path / "cache", nowhere)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_the_lock_pins_every_jar_by_hash_and_names_no_address() -> None:
    text = files("hpts.local").joinpath("kafka.lock").read_text(encoding="utf-8")
    pinned = jars.read_lock(text)

    assert "//" not in text
    assert {jar.version for jar in pinned if jar.artifact == "kafka-clients"} == {"4.3.1"}
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in pinned)
    assert len({jar.within(Path()) for jar in pinned}) == len(pinned)


def test_the_java_found_can_run_kafka() -> None:
    found = jars.java_version(jars.java())
    assert found is not None
    assert found >= jars.OLDEST_JAVA


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_432\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert jars.java_version(old) == 8
    assert jars.java() != old
