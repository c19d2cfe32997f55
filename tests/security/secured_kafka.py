"""A real broker with the security of `ops/kafka/`: TLS, names, and nothing allowed but the ACLs."""

import os
import secrets
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from hpts.local import kafka, ports
from hpts.local.kafka import KafkaServer
from hpts.local.pki import AUTHORITY, SERVER, Pki
from schemas.kafka_security import KafkaSecurity, Security

OPS: Final = Path(__file__).resolve().parents[2] / "ops" / "kafka"
USERS: Final = (
    *("hpts-admin", "hpts-ingress", "hpts-engine", "hpts-accruals"),
    *("hpts-deliveries", "hpts-reconciliation"),
)
QUICK: Final = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
REPLACED: Final = ("listener", "advertised", "inter.broker")


@dataclass(frozen=True, slots=True)
class SecuredKafka(KafkaServer):
    """The local broker with other listeners, and the sample of `ops/kafka` after them."""

    def prepare(self) -> None:
        self.pki.prepare()
        for user in ("broker", *USERS):
            self.password_file(user).write_text(secrets.token_hex(16))
        pem = self.pki.key_file(SERVER).read_text() + self.pki.certificate_file(SERVER).read_text()
        (self.pki.folder / "broker.pem").write_text(pem)
        KafkaServer.prepare(self)

    def environment(self) -> dict[str, str]:
        return KafkaServer.environment(self) | {
            "BROKER_PASSWORD": self.password_file("broker").read_text(),
            "BROKER_KEYSTORE": str(self.pki.folder / "broker.pem"),
            "BROKER_CA": str(self.pki.certificate_file(AUTHORITY)),
        }

    def is_ready(self) -> bool:
        try:
            settings = self.security("hpts-admin") | {"bootstrap.servers": self.bootstrap}
            return bool(AdminClient(settings | {"log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def security(self, user: str, **changed: object) -> Security:
        """What our services make of the variables that name this user."""
        members = self._members(user) | changed
        return dict(KafkaSecurity(**members).kafka_security)  # type: ignore[arg-type]

    def variables(self, user: str) -> dict[str, str]:
        """The variables by which a process of ours is told that it is this user."""
        return {f"HPTS_{name.upper()}": str(value) for name, value in self._members(user).items()}

    def _members(self, user: str) -> dict[str, object]:
        return {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_ca_file": self.pki.certificate_file(AUTHORITY),
            "kafka_sasl_username": user,
            "kafka_sasl_password_file": self.password_file(user),
        }

    @property
    def pki(self) -> Pki:
        return Pki(self.data_dir / "pki")

    def password_file(self, user: str) -> Path:
        return self.pki.folder / f"{user}.password"

    def allow(self) -> None:
        """Run `ops/kafka/acls.sh` with Kafka's own tool."""
        tool = " ".join([*self._java(*QUICK), "org.apache.kafka.tools.AclCommand"])
        (self.data_dir / "kafka-acls.sh").write_text(f'#!/bin/sh\nexec {tool} "$@"\n')
        (self.data_dir / "kafka-acls.sh").chmod(0o755)
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        password = self.password_file("hpts-admin").read_text()
        admin = self.data_dir / "admin.properties"
        admin.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\n"
            f"ssl.truststore.location={self.pki.certificate_file(AUTHORITY)}\n"
            f'sasl.jaas.config={login} username="hpts-admin" password="{password}";\n'
        )
        path = f"{self.data_dir}{os.pathsep}{os.defpath}"
        command = [str(OPS / "acls.sh"), self.bootstrap, str(admin)]
        ran = subprocess.run(
            command, env=self.environment() | {"PATH": path}, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def _configure(self, log_dir: Path) -> None:
        KafkaServer._configure(self, log_dir)
        lines = self._settings_file.read_text().splitlines()
        known = ports.recorded(self._ports_file)
        at = f"SASL_SSL://127.0.0.1:{known['broker']},CONTROLLER://127.0.0.1:{known['controller']}"
        kept = [line for line in lines if not line.startswith(REPLACED)]
        own = [f"listeners={at}", f"advertised.listeners={at}"]
        own.append("controller.listener.names=CONTROLLER")
        text = "\n".join([*kept, *own, (OPS / "server.properties").read_text()])
        self._settings_file.write_text(text)

    def _format(self) -> None:
        unfinished = self._log_dir.with_name("log.new")
        self._configure(unfinished)
        scram = [
            f"SCRAM-SHA-512=[name={user},password={self.password_file(user).read_text()}]"
            for user in USERS
        ]
        ran = subprocess.run(
            [
                *self._java(*QUICK),
                *("kafka.tools.StorageTool", "format", "--standalone"),
                f"--cluster-id={urlsafe_b64encode(uuid4().bytes).decode().rstrip('=')}",
                *("-c", str(self._settings_file)),
                *(part for one in scram for part in ("--add-scram", one)),
            ],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=kafka._FORMAT_TIMEOUT_S,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        unfinished.rename(self._log_dir)
        self._configure(self._log_dir)
