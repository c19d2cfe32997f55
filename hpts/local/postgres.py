"""A real Postgres on this machine, from the wheel's binaries or the system's.

Owns `DATA_DIR/postgres`: the port and the administrator's password, both kept, and `home`, the
folder of the cluster. Postgres refuses to run as root, so root runs it as `nobody`, who must be
able to enter `home`: where a parent folder of the data folder is closed to others, `home` lies
elsewhere on this machine instead, and `home.path` in the data folder says where;
`discard` removes it. Starting and restarting the process is the supervisor's.
"""

import os
import pwd
import secrets
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import ClassVar, Final

import psycopg

from hpts.local import ports
from hpts.local.folder import write
from hpts.local.postgres_binaries import PostgresUnavailable, find, run_as

DATABASE: Final = "hpts"
ADMINISTRATOR: Final = "postgres"
_NOBODY: Final = 65534
_CONNECT_TIMEOUT_S: Final = 2
_OUTSIDE: Final = ("/var/lib", "/var/tmp", "/tmp")  # the first is never swept by age
_MEMORY_MB: Final = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_048_576
# A million loans and what hangs on them pass 256 MB, and then each of them costs a page read and
# one written. What is not used is not taken from the machine.
_SHARED_MB: Final = min(1024, max(128, _MEMORY_MB // 16))
_SETTINGS: Final = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",  # its path has a limit that a data folder may exceed
    "shared_buffers": f"{_SHARED_MB}MB",
    "max_connections": "120",
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One cluster with its data in `data_dir / "postgres"`.

    `binaries` is the folder of `initdb` and `postgres`; None: the wheel's, else the system's.
    """

    data_dir: Path
    binaries: Path | None = None

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    """Fast shutdown: clients are cut off, nothing committed is lost."""

    @property
    def user(self) -> int | None:
        """Whom to run it as; None: whoever we are."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam("nobody").pw_uid
        except KeyError:
            return _NOBODY

    def prepare(self) -> None:
        """Choose port and password, make the cluster, where there is none yet. Blocking; call it
        before every start. Raises `PostgresUnavailable`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        ports.keep(self._ports_file, ("postgres",))
        if not self._password_file.exists():
            write(self._password_file, secrets.token_hex(24), mode=0o600)
        if not self._home_is_usable():
            self._make_home()
        if not self._cluster.exists():
            self._make_cluster()
        self.command()  # says now what would be wrong later

    def command(self) -> list[str]:
        """What runs the server; `prepare` must have run. Raises `PostgresUnavailable`."""
        settings = {**_SETTINGS, "port": str(ports.recorded(self._ports_file)["postgres"])}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        binaries = find(self.binaries, user=self.user, major=self._major(), open_folder=self._home)
        return [str(binaries / "postgres"), "-D", str(self._cluster), *options]

    def environment(self) -> dict[str, str]:
        """The whole environment of the process."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    @property
    def admin_dsn(self) -> str:
        """The administrator's connection to the ledger's database; `prepare` must have run."""
        port = ports.recorded(self._ports_file)["postgres"]
        password = self._password_file.read_text("utf-8")
        return f"postgresql://{ADMINISTRATOR}:{password}@{ports.HOST}:{port}/{DATABASE}"

    def is_ready(self) -> bool:
        """Whether the administrator can connect."""
        try:
            psycopg.connect(self.admin_dsn, connect_timeout=_CONNECT_TIMEOUT_S).close()
        except psycopg.OperationalError:
            return False
        return True

    def discard(self) -> None:
        """Remove the cluster for ever, wherever it lies. The server must not run."""
        home = self._home
        rmtree(home, ignore_errors=True)
        rmtree(self._folder, ignore_errors=True)

    def _home_is_usable(self) -> bool:
        if not self._home.is_dir():
            return False
        if not self._can_enter(self._home):
            raise PostgresUnavailable(
                f"{self._home} holds the database, and user {self.user}, as whom root runs "
                "Postgres, cannot enter it: give others the right to enter its parent folders "
                "(chmod o+x), or start hpts as the user who owns them."
            )
        return True

    def _make_home(self) -> None:
        home = self._folder / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        self._give(home)
        if self._can_enter(home):
            self._home_file.unlink(missing_ok=True)
            return
        home.rmdir()
        for parent in dict.fromkeys((*_OUTSIDE, tempfile.gettempdir())):
            if not os.access(parent, os.W_OK):
                continue
            home = Path(tempfile.mkdtemp(prefix="hpts-postgres-", dir=parent))
            self._give(home)
            if self._can_enter(home):
                write(self._home_file, str(home), mode=0o644)
                return
            home.rmdir()
        raise PostgresUnavailable(
            f"root runs Postgres as user {self.user}, who can enter neither {self._folder} nor "
            "a temporary folder: give others the right to enter the data folder's parents "
            "(chmod o+x), or start hpts as another user than root."
        )

    def _make_cluster(self) -> None:
        """Make a cluster beside, then rename it: what bears the name is whole."""
        binaries = find(self.binaries, user=self.user, major=None, open_folder=self._home)
        unfinished = self._home / "cluster.new"
        rmtree(unfinished, ignore_errors=True)
        password_file = self._home / "password"
        write(password_file, self._password_file.read_text("utf-8"), mode=0o600)
        self._give(password_file)
        try:
            self._run(
                str(binaries / "initdb"),
                *(
                    "-D",
                    str(unfinished),
                    f"--username={ADMINISTRATOR}",
                    f"--pwfile={password_file}",
                ),
                *("--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256"),
            )
        finally:
            password_file.unlink()
        self._run(
            *(str(binaries / "postgres"), "--single", "-D", str(unfinished), "postgres"),
            stdin=f"CREATE DATABASE {DATABASE};\n",
        )
        unfinished.rename(self._cluster)

    def _run(self, *command: str, stdin: str = "") -> None:
        ran = run_as(self.user, command, self.environment(), stdin=stdin)
        if ran.returncode != 0:
            raise PostgresUnavailable(
                f"the database could not be made: {Path(command[0]).name} says:\n"
                f"{ran.stdout}{ran.stderr}"
            )

    def _can_enter(self, folder: Path) -> bool:
        enter = ("/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(folder))
        return run_as(self.user, enter, self.environment()).returncode == 0

    def _give(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user, -1)

    def _major(self) -> int | None:
        """The version that the cluster was made with; None when there is no cluster."""
        try:
            return int((self._cluster / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            return None

    @property
    def _folder(self) -> Path:
        return self.data_dir.absolute() / "postgres"

    @property
    def _home(self) -> Path:
        try:
            return Path(self._home_file.read_text("utf-8"))
        except FileNotFoundError:
            return self._folder / "home"

    @property
    def _home_file(self) -> Path:
        return self._folder / "home.path"

    @property
    def _cluster(self) -> Path:
        return self._home / "cluster"

    @property
    def _password_file(self) -> Path:
        return self._folder / "administrator.password"

    @property
    def _ports_file(self) -> Path:
        return self._folder / "ports.json"
