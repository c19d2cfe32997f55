"""hpts up, down, status: what runs, what comes back, what is left behind, and what is said."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hpts.local import announcement, api_port
from hpts.local.jars import cache_folder
from hpts.local.processes import Process, identify
from tests.http import Client
from tests.local_stack import DOWN_WITHIN_S, HPTS, hpts, new_folder, read_local_json

ROOT = Path(__file__).parents[2]
GATED = ("engine", "ingress", "deliveries")
PROCESSES = {
    *("kafka", "postgres", "issuer", "ingress", "read", "engine", "deliveries"),
    "reconciliation",
}
ORDINARY_USER = 65_534  # nobody: initdb wants a user who is in the password file


def until(is_so: Callable[[], bool], *, seconds: float) -> float:
    """Wait for it; how long it took. Fails when it does not become so."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - begun


def family_of(pid: int) -> set[Process]:
    """A process and all its descendants."""
    found = {process} if (process := identify(pid)) else set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found |= family_of(int(child))
    return found


def supervisor_of(data_dir: Path) -> int:
    return int((data_dir / "supervisor.lock").read_text())


def assert_nothing_is_left(family: set[Process], data_dir: Path) -> None:
    assert len(family) > 5
    assert [process for process in family if process.is_alive] == []
    assert not (data_dir / "supervisor.lock").exists()
    assert not (data_dir / "local.json").exists()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder with a space in its name; whatever runs on it is ended."""
    data_dir = new_folder("my data")
    yield data_dir
    hpts("down", "--data-dir", str(data_dir), timeout=DOWN_WITHIN_S)
    shutil.rmtree(data_dir.parent)


def test_a_running_stack_says_that_it_is_ready(stack: dict[str, Any], stack_dir: Path) -> None:
    # Tests of faults share this stack, and what they disturbed takes a moment to come back.
    until(lambda: hpts("status", "--data-dir", str(stack_dir)).returncode == 0, seconds=60)
    told = hpts("status", "--json", "--data-dir", str(stack_dir))
    found = json.loads(told.stdout)
    assert (told.returncode, found["ready"], found["not_ready"]) == (0, True, {})
    assert set(found["processes"]) == PROCESSES
    assert "ready" in hpts("status", "--data-dir", str(stack_dir)).stdout


def test_the_secrets_are_for_their_owner_alone(stack: dict[str, Any], stack_dir: Path) -> None:
    private = [stack_dir / "local.json", *(stack_dir / "secrets").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    tenants = [client["tenant_id"] for client in stack["clients"]]
    assert len(set(tenants[:2])) == 2
    assert all(scope.endswith(":read") for scope in stack["clients"][2]["scopes"])


def test_a_direct_producer_has_a_key_of_its_own_for_the_stack_s_tenants(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    key = stack["producer"]
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        ring = connection.execute(
            "SELECT key_id, secret_reference, tenants FROM hpts_edge.signing_keys ORDER BY key_id"
        ).fetchall()
    [services, producers] = ring
    assert services[2] is None
    assert producers[:2] == (key["signing_key_id"], f"file:{key['signing_key_file']}")
    assert {str(one) for one in producers[2]} == {c["tenant_id"] for c in stack["clients"]}
    secrets = [
        (stack_dir / "secrets" / name).read_text() for name in ("signing_key", "producer_key")
    ]
    assert len(set(secrets)) == 2


def test_a_second_up_on_the_same_data_names_the_first(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    for more in ([], ["--detach"]):
        refused = hpts("up", *more, "--port", "0", "--data-dir", str(stack_dir))
        assert refused.returncode == 1
        assert f"process {supervisor_of(stack_dir)} already runs" in refused.stderr
        assert stack["api_url"] in refused.stderr
    # As it is now: other tests of the session have killed and restarted its processes.
    engine = read_local_json(stack_dir)["processes"]["engine"][0]
    assert identify(engine) is not None


def test_a_taken_port_that_was_asked_for_is_an_error(stack: dict[str, Any], folder: Path) -> None:
    port = stack["api_url"].rpartition(":")[2]
    refused = hpts("up", "--detach", "--port", port, "--data-dir", str(folder))
    assert (refused.returncode, refused.stderr.startswith("hpts: port")) == (1, True)
    assert "Traceback" not in refused.stderr


def test_the_default_port_when_taken_gives_way_to_a_free_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with api_port.reserved(0) as taken:
        monkeypatch.setattr(api_port, "DEFAULT", taken)
        with api_port.reserved(None) as other:
            assert other != taken
        with pytest.raises(api_port.PortTaken, match=f"port {taken} is in use"):
            api_port.reserved(taken).__enter__()
    with api_port.reserved(None) as free_again:
        assert free_again == taken


def test_what_up_prints_posts_a_disbursement(stack: dict[str, Any]) -> None:
    pasted = subprocess.run(
        ["bash", "-c", announcement.first_disbursement(stack)], capture_output=True, text=True
    )
    assert pasted.stdout.startswith("HTTP/1.1 201"), pasted.stdout + pasted.stderr


@pytest.mark.parametrize("kind", GATED)
def test_a_killed_service_s_place_is_taken_by_one_that_stood_ready(
    stack: dict[str, Any], stack_dir: Path, kind: str
) -> None:
    def spares() -> set[Process]:
        """Our processes that wait at a gate: not yet any kind's."""
        known = {pid for pids in read_local_json(stack_dir)["processes"].values() for pid in pids}
        children = family_of(supervisor_of(stack_dir))
        return {one for one in children if one.pid not in known and is_at_gate(one.pid)}

    until(lambda: len(spares()) == len(GATED), seconds=30)
    [killed] = read_local_json(stack_dir)["processes"][kind]
    before = spares()
    os.kill(killed, signal.SIGKILL)
    until(lambda: read_local_json(stack_dir)["processes"][kind] != [killed], seconds=5)
    [started] = read_local_json(stack_dir)["processes"][kind]
    assert identify(started) in before
    until(lambda: hpts("status", "--data-dir", str(stack_dir)).returncode == 0, seconds=20)
    Client.of(read_local_json(stack_dir)).open_loan(amount_minor="100000")


def is_at_gate(pid: int) -> bool:
    try:
        return b"hpts.local.gate" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("kind", [*GATED, "issuer"])
def test_a_killed_child_is_started_again(stack: dict[str, Any], stack_dir: Path, kind: str) -> None:
    [killed] = read_local_json(stack_dir)["processes"][kind]
    os.kill(killed, signal.SIGKILL)
    took = until(lambda: read_local_json(stack_dir)["processes"][kind] != [killed], seconds=5)
    assert took < 0.5
    [started] = read_local_json(stack_dir)["processes"][kind]
    assert identify(started) is not None
    until(lambda: hpts("status", "--data-dir", str(stack_dir)).returncode == 0, seconds=20)
    Client.of(read_local_json(stack_dir)).open_loan(amount_minor="100000")


def test_an_unreachable_external_server_is_told_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        monkeypatch.setenv("HPTS_POSTGRES_DSN", f"postgresql://a:b@127.0.0.1:{port}/hpts")
        refused = hpts("up", "--detach", "--port", "0", "--data-dir", str(folder))
    assert refused.returncode == 1
    assert str(port) in refused.stderr
    assert "Traceback" not in refused.stderr + (folder / "supervisor.log").read_text()


@pytest.mark.slow
def test_a_stop_while_it_starts_and_a_second_one_leave_nothing(folder: Path) -> None:
    starting = subprocess.Popen([*HPTS, "up", "--port", "0", "--data-dir", str(folder)])
    record = folder / "supervisor.json"
    until(record.exists, seconds=60)
    family = family_of(starting.pid)
    starting.send_signal(signal.SIGINT)
    starting.send_signal(signal.SIGINT)
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(timeout=15) == 130
    assert [process for process in family if process.is_alive] == []
    assert not (folder / "supervisor.lock").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_ordinary_user_can_run_it_kill_it_run_it_again_and_stop_it(folder: Path) -> None:
    up = as_ordinary_user(folder, "up", "--detach", "--port", "0", "--data-dir", str(folder))
    assert up.returncode == 0, up.stdout + up.stderr
    loan = Client.of(read_local_json(folder)).open_loan(amount_minor="100000")

    killed = supervisor_of(folder)
    first_family = family_of(killed)
    os.kill(killed, signal.SIGKILL)
    again = as_ordinary_user(folder, "up", "--detach", "--port", "0", "--data-dir", str(folder))
    assert again.returncode == 0, again.stdout + again.stderr
    assert [process for process in first_family if process.is_alive] == []
    client = Client.of(read_local_json(folder))
    assert client.get(f"/v1/loans/{loan['loan_id']}/balance").status_code == 200

    family = family_of(supervisor_of(folder))
    os.kill(supervisor_of(folder), signal.SIGTERM)
    until(lambda: not any(process.is_alive for process in family), seconds=15)
    assert_nothing_is_left(family, folder)
    assert hpts("status", "--data-dir", str(folder)).returncode == 1


def as_ordinary_user(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as somebody without rights when we are root, else as whoever we are."""
    if os.geteuid() != 0:
        return hpts(*arguments)
    home = folder.parent
    jars = home / "cache" / "hpts" / "jars"
    if not jars.exists():
        shutil.copytree(cache_folder() / "jars", jars)
        for path in [home, *home.rglob("*")]:
            os.chown(path, ORDINARY_USER, ORDINARY_USER)
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
    }
    return subprocess.run(
        [python_of_everybody(), "-P", "-m", "hpts", *arguments],
        user=ORDINARY_USER,
        group=ORDINARY_USER,
        extra_groups=[],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def python_of_everybody() -> str:
    """Ours, or where its folder is closed to others the system's of the same version."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, shutil.which(version, path=os.defpath)):
        if candidate and may_run(candidate):
            return candidate
    pytest.skip(f"another user can run neither {sys.executable} nor a {version} of the system")


def may_run(python: str) -> bool:
    try:
        return (
            subprocess.run(
                [python, "-c", ""], user=ORDINARY_USER, group=ORDINARY_USER, extra_groups=[]
            ).returncode
            == 0
        )
    except PermissionError:
        return False
