"""The local Postgres: what is committed survives, nobody without the password comes in."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from hpts.local import postgres_binaries
from hpts.local.ports import is_free
from hpts.local.postgres import PostgresServer
from hpts.local.postgres_binaries import PostgresUnavailable
from tests.local_servers import running

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")


def test_a_commit_survives_kill_9_at_the_same_address(server_dir: Path) -> None:
    server = PostgresServer(server_dir)
    with running(server) as run:
        address = server.admin_dsn
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1_000_00 AS amount_minor")
        run.end(signal.SIGKILL)
        run.start()

        assert server.admin_dsn == address
        with psycopg.connect(address) as connection:
            assert connection.execute("TABLE kept").fetchall() == [(100_000,)]
        run.end(server.stop_signal)
        assert run.process.returncode == 0
        run.start()


def test_the_cluster_is_what_a_ledger_needs(postgres: str) -> None:
    needed = {
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
    }
    with psycopg.connect(postgres) as connection:
        actual = {name: connection.execute(f"SHOW {name}").fetchone() for name in needed}
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert actual == {name: (value,) for name, value in needed.items()}
    assert collation == ("C",)


@pytest.mark.parametrize("password", ["", "guess"])
def test_nobody_comes_in_without_the_password(postgres: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(make_conninfo(postgres, password=password))


def test_the_password_is_for_its_owner_alone(server_dir: Path) -> None:
    PostgresServer(server_dir).prepare()

    [file] = server_dir.rglob("*.password")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == os.geteuid()


def test_preparing_again_changes_nothing(server_dir: Path) -> None:
    server = PostgresServer(server_dir)
    server.prepare()
    command, address = server.command(), server.admin_dsn

    server.prepare()
    assert (server.command(), server.admin_dsn) == (command, address)


def test_a_taken_port_is_replaced(server_dir: Path) -> None:
    server = PostgresServer(server_dir)
    with running(server):
        taken = server.admin_dsn
        assert not is_free(int(taken.rpartition(":")[2].partition("/")[0]))

        server.prepare()
        assert server.admin_dsn != taken


@as_root
def test_a_cluster_below_a_closed_folder_lies_elsewhere_and_is_discarded(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "data")
    with running(server) as run:
        home = Path((tmp_path / "data" / "postgres" / "home.path").read_text())
        assert not home.is_relative_to(tmp_path)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        run.end(server.stop_signal)
        run.start()
        assert home == Path((tmp_path / "data" / "postgres" / "home.path").read_text())

    server.discard()
    assert not home.exists()
    assert not (tmp_path / "data" / "postgres").exists()


@as_root
def test_a_folder_closed_later_is_named_with_what_to_do(server_dir: Path) -> None:
    server = PostgresServer(server_dir)
    server.prepare()
    server_dir.chmod(0o700)

    with pytest.raises(PostgresUnavailable, match=r"cannot enter it.+chmod o\+x"):
        server.prepare()
    server_dir.chmod(0o755)


@as_root
def test_programs_that_the_user_cannot_reach_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    programs = tmp_path / "bin"
    programs.mkdir()

    with pytest.raises(PostgresUnavailable, match=r"(?s)root runs Postgres as user.+chmod o\+rx"):
        postgres_binaries.find(
            programs, user=PostgresServer(tmp_path).user, major=None, open_folder=tmp_path
        )


def test_a_cluster_of_another_version_is_not_touched(server_dir: Path) -> None:
    user = PostgresServer(server_dir).user
    wheel = postgres_binaries.find(None, user=user, major=None, open_folder=server_dir)

    with pytest.raises(PostgresUnavailable, match="the database was made by 9999"):
        postgres_binaries.find(wheel, user=user, major=9999, open_folder=server_dir)
