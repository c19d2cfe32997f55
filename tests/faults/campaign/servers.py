"""`python -m tests.faults.campaign.servers DATA_DIR`: Kafka and Postgres, until SIGTERM.

The stack under test reaches them only through the fault proxies, as external servers; so they
need a supervisor of their own, the product's. DATA_DIR/servers.json says which processes run.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from hpts.local.folder import write_json
from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from hpts.local.supervisor import Child, StopAsked, Supervisor

SERVERS_JSON: Final = "servers.json"
READY_WITHIN_S: Final = 90


def main(data_dir: Path) -> None:
    """Run both until asked to stop."""
    (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    kafka, postgres = KafkaServer(data_dir), PostgresServer(data_dir)
    ready = [False]

    def changed(pids: dict[str, list[int]]) -> None:
        if ready[0]:
            described = {"kafka": kafka.bootstrap, "postgres": postgres.admin_dsn, "pids": pids}
            write_json(data_dir / SERVERS_JSON, described, mode=0o600)

    supervisor = Supervisor(data_dir, changed)
    supervisor.listen()
    try:
        with suppress(StopAsked):
            supervisor.run(kafka.prepare, postgres.prepare)
            children = [_child("kafka", kafka), _child("postgres", postgres)]
            supervisor.start(children, seconds=READY_WITHIN_S)
            ready[0] = True
            changed(supervisor.pids())
            supervisor.watch()
    finally:
        supervisor.stop()


def _child(name: str, server: KafkaServer | PostgresServer) -> Child:
    return Child(
        name=name,
        kinds=(name,),
        command=server.command,
        environment=server.environment,
        is_ready=lambda _pid: server.is_ready(),
        stage=0,
        stop_signal=server.stop_signal,
        user=server.user,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
