"""A primary and its standby, for a ledger of one test's own: real servers, real replication.

The ledger reaches whichever serves by one proxy, and the standby reaches the primary by another,
so each way can be cut by itself.
"""

import copy
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hpts.local import ports
from hpts.local.postgres import PostgresServer
from hpts.local.postgres_binaries import find
from tests.faults.fault_proxy import FaultProxy
from tests.faults.own_ledger import OwnLedger, Servers, until
from tests.local_servers import Running
from tests.local_stack import new_folder

NAME = "standby"
STREAMS_WITHIN_S = 20
SMALL = ("-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB")


class Small(PostgresServer):
    """A server that shares the machine with several others."""

    def command(self) -> list[str]:
        return [*PostgresServer.command(self), *SMALL]


@dataclass(frozen=True)
class Standby(Small):
    """A server whose cluster is a copy of the primary's, and follows it."""

    primary_dsn: str = ""

    def _make_cluster(self) -> None:
        programs = find(self.binaries, user=self.user, major=None, open_folder=self._home)
        self._run(
            str(programs / "pg_basebackup"),
            *("--pgdata", str(self._cluster), "--dbname", self.primary_dsn),
            *("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"),
        )


class Pair:
    """The two servers. `proxy` leads to whichever serves, `replication` from one to the other."""

    def __init__(self, folder: Path) -> None:
        primary = Small(folder / "primary")
        self._primary = Running(primary, folder / "primary.log")
        self.primary_dsn = primary.admin_dsn
        self.server = primary
        at = (ports.HOST, _port_of(primary))
        self.proxy, self.replication = FaultProxy(at), FaultProxy(at)
        by_proxy = make_conninfo(
            primary.admin_dsn, port=self.replication.port, application_name=NAME
        )
        self._standby_server = Standby(folder / NAME, primary_dsn=by_proxy)
        secret = Path("postgres") / "administrator.password"
        (self._standby_server.data_dir / "postgres").mkdir(parents=True)
        shutil.copy(primary.data_dir / secret, self._standby_server.data_dir / secret)
        self._standby = Running(self._standby_server, folder / "standby.log")
        until(lambda: self._replicates("async"), seconds=STREAMS_WITHIN_S)

    def wait_for_the_standby(self, *, should_wait: bool) -> None:
        """From now on a commit waits for the standby to have it on its disk, or does not."""
        names = NAME if should_wait else ""
        with psycopg.connect(self.primary_dsn, autocommit=True) as admin:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            admin.execute("SELECT pg_reload_conf()")
        if should_wait:
            until(lambda: self._replicates("sync"), seconds=STREAMS_WITHIN_S)

    def kill_the_primary(self) -> None:
        """kill -9, its processes included: a machine is gone."""
        pid = self._primary.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._primary.end(signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def promote_the_standby(self) -> None:
        """It serves from now on, with what it has received."""
        with psycopg.connect(self._standby_server.admin_dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_promote(true, 30)")
        self.proxy.lead_to((ports.HOST, _port_of(self._standby_server)))
        self.proxy.cut()

    def close(self) -> None:
        """End both servers, and remove what they kept."""
        for run in (self._primary, self._standby):
            if run.process.poll() is None:
                run.end(signal.SIGKILL)
        self.proxy.close()
        self.replication.close()
        self.server.discard()
        self._standby_server.discard()

    def _replicates(self, how: str) -> bool:
        with psycopg.connect(self.primary_dsn) as admin:
            row = admin.execute(
                "SELECT count(*) FROM pg_stat_replication"
                " WHERE application_name = %s AND state = 'streaming' AND sync_state = %s",
                [NAME, how],
            ).fetchone()
        return row == (1,)


@contextmanager
def ledger_on_a_pair(servers: Servers) -> Iterator[tuple[OwnLedger, Pair]]:
    """A ledger made anew on a pair of its own; broker and issuer are the session's."""
    data_dir = new_folder()
    pair = Pair(data_dir)
    mine = copy.copy(servers)
    mine.postgres_server, mine.postgres_proxy = pair.server, pair.proxy
    own = OwnLedger(mine)
    # Audits, too, ask whichever serves.
    own.admin_dsn = make_conninfo(own.admin_dsn, port=pair.proxy.port)
    try:
        yield own, pair
    finally:
        own.close()
        pair.close()
        shutil.rmtree(data_dir.parent)


def _port_of(server: PostgresServer) -> int:
    return int(conninfo_to_dict(server.admin_dsn)["port"] or 0)
