"""A real Apache Kafka on this machine: one node, broker and controller in one process (KRaft).

Owns `DATA_DIR/kafka`: the configuration, written anew before every start; the ports, kept; the
storage, formatted once. Starting and restarting the process is the supervisor's. One replica:
what was acknowledged survives a killed process, not a power cut (see `hpts.provision`).
"""

import os
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import ClassVar, Final
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from hpts.local import ports
from hpts.local.jars import java, kafka_jars
from hpts.local.processes import Hangs

_FORMAT_TIMEOUT_S: Final = 60
_METADATA_TIMEOUT_S: Final = 2.0
_MISLED_FOR_S: Final = 20.0
_JVM_FLAGS: Final = (
    *("-Xms256m", "-Xmx512m", "-XX:MaxDirectMemorySize=128m"),
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
    "-Djava.awt.headless=true",
)
# A dead broker's registration stands in its successor's way until the session has expired.
_SETTINGS: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=1
num.io.threads=2
background.threads=2
"""
_LOGGING: Final = """\
status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n%throwable
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
"""


_POLL_S: Final = 0.25
_NOBODY: Final = "hpts-nobody"


class KafkaUnavailable(Exception):
    """The broker cannot be made ready to start. The message says why."""


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """One broker with its data in `data_dir / "kafka"`."""

    data_dir: Path

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    user: ClassVar[int | None] = None

    def prepare(self) -> None:
        """Fetch, configure, format what is not yet. Blocking; call it before every start.

        Raises `KafkaUnavailable` or `jars.JarsUnavailable`.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        ports.keep(self._ports_file, ("broker", "controller"))
        (self._folder / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        self._configure(self._log_dir)
        if not self._log_dir.exists():
            self._format()

    def command(self) -> list[str]:
        """What runs the broker; `prepare` must have run."""
        return [*self._java(*_JVM_FLAGS), "kafka.Kafka", str(self._settings_file)]

    def environment(self) -> dict[str, str]:
        """The whole environment of the process."""
        return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}

    @property
    def bootstrap(self) -> str:
        """Where clients connect; `prepare` must have run."""
        return f"{ports.HOST}:{ports.recorded(self._ports_file)['broker']}"

    def is_ready(self) -> bool:
        """Whether every partition has its leader, and groups their coordinator.

        Raises `Hangs` where they will never have one: a broker whose partitions change leaders
        while it reads `__consumer_offsets` (its session expired as it started, say) can give up
        reading and not try again; it then tells every member NOT_COORDINATOR, although there is
        no other broker. Seen once in some forty kills of 4.3.1.
        """
        if not _listens(self.bootstrap):
            return False  # a client would only wait, and complain
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            metadata = admin.list_topics(timeout=_METADATA_TIMEOUT_S)
        except KafkaException:
            return False
        is_led = bool(metadata.brokers) and all(
            partition.leader in metadata.brokers
            for topic in metadata.topics.values()
            for partition in topic.partitions.values()
        )
        return is_led and _coordinates(admin)

    def _java(self, *flags: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        class_path = os.pathsep.join(map(str, kafka_jars()))
        return [str(java()), *flags, logging, "-cp", class_path]

    def _configure(self, log_dir: Path) -> None:
        known = ports.recorded(self._ports_file)
        settings = _SETTINGS.format(**known, log_dir=log_dir)
        self._settings_file.write_text(settings, encoding="utf-8")

    def _format(self) -> None:
        """Format a folder beside, then rename it: what bears the name is whole."""
        unfinished = self._folder / "log.new"
        rmtree(unfinished, ignore_errors=True)
        self._configure(unfinished)
        formatted = subprocess.run(
            [
                *self._java("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                *("kafka.tools.StorageTool", "format", "--standalone"),
                # One word: an id may begin with "-", and would be taken for an option.
                f"--cluster-id={urlsafe_b64encode(uuid4().bytes).decode().rstrip('=')}",
                *("-c", str(self._settings_file)),
            ],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=False,
        )
        if formatted.returncode != 0:
            raise KafkaUnavailable(
                f"Kafka's storage could not be formatted:\n{formatted.stdout}{formatted.stderr}"
            )
        unfinished.rename(self._log_dir)
        self._configure(self._log_dir)

    @property
    def _folder(self) -> Path:
        return self.data_dir.absolute() / "kafka"

    @property
    def _log_dir(self) -> Path:
        return self._folder / "log"

    @property
    def _settings_file(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _ports_file(self) -> Path:
        return self._folder / "ports.json"


def _coordinates(admin: AdminClient) -> bool:
    """Whether the broker coordinates groups, asked for one that nobody is in."""
    until = time.monotonic() + _MISLED_FOR_S
    while (code := _fault_of_group(admin)) == KafkaError.NOT_COORDINATOR:
        if time.monotonic() > until:
            raise Hangs(f"the only broker has not been a coordinator for {_MISLED_FOR_S:.0f} s")
        time.sleep(_POLL_S)
    return code in (None, KafkaError.GROUP_ID_NOT_FOUND)


def _fault_of_group(admin: AdminClient) -> int | None:
    asked = admin.describe_consumer_groups([_NOBODY], request_timeout=_METADATA_TIMEOUT_S)
    try:
        asked[_NOBODY].result()
    except KafkaException as error:
        return int(error.args[0].code())
    return None


def _listens(address: str) -> bool:
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
