"""The command line: up, down, status, migrate, openapi, accrue, rebuilds, and the operator's.

Words for people; the work is elsewhere.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from hpts import accruing, keys, operating, reconciling
from hpts import openapi as contract
from hpts.archiving import commands as archiving
from hpts.cluster import ClusterUnavailable
from hpts.cutting import commands as cutting
from hpts.database import DatabaseRefused
from hpts.demo import commands as demonstrating
from hpts.diagnosis import commands as diagnosis
from hpts.local import announcement, control, detach, services, stack
from hpts.local.api_port import PortTaken
from hpts.local.jars import JarsUnavailable
from hpts.local.kafka import KafkaUnavailable
from hpts.local.lock import AlreadyHeld
from hpts.local.ports import NoPort
from hpts.local.postgres_binaries import PostgresUnavailable
from hpts.local.supervisor import NotReady
from hpts.migrate import MigrationRefused, migrate
from hpts.proving import commands as proving
from hpts.provision import TopicsRefused, provision
from hpts.rebuilding import commands as rebuilding
from hpts.using import commands as using
from hpts.words import HERE, USAGE, AsJson, DataDir, end, err, kafka_security, out, servers
from schemas import topic_policy

EXPECTED: Final = (
    *(JarsUnavailable, KafkaUnavailable, PostgresUnavailable),
    *(ClusterUnavailable, DatabaseRefused, MigrationRefused, TopicsRefused),
    *(NoPort, NotReady, PortTaken, OSError),
)
INTERRUPTED: Final = 130

app = typer.Typer(**using.LOOKS)
app.add_typer(operating.quarantine, name="quarantine")
app.add_typer(keys.keys, name="keys")
app.add_typer(reconciling.reconcile, name="reconcile")
app.add_typer(reconciling.bank, name="bank")
app.command("dead-letters")(operating.dead_letters)
app.command()(accruing.accrue)
app.command()(archiving.archive)
app.command()(cutting.cutover)
using.register(app)
app.command()(demonstrating.demo)
app.command()(diagnosis.doctor)
rebuilding.register(app)
app.command()(proving.verify)
app.command()(proving.export)
app.command("proof")(proving.prove)


@app.command()
def up(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: empty the data.")] = False,
    detached: Annotated[
        bool, typer.Option("--detach", help="Return once all is ready, and let it run on.")
    ] = False,
    data_dir: DataDir = HERE,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The API's port; 0: any. [default: 8080, or free]"),
    ] = None,
    engines: Annotated[int, typer.Option(min=1, max=32, help="Posting engines.")] = 1,
    ingress: Annotated[int, typer.Option(min=1, max=32, help="API processes.")] = 1,
) -> None:
    """Start everything: Kafka, Postgres, tokens, engine, API, console. Ctrl-C stops it all."""
    options = services.Options(
        data_dir=data_dir.absolute(),
        port=port,
        engines=engines,
        ingress=ingress,
        is_fresh=fresh,
        kafka_bootstrap=os.environ.get("HPTS_KAFKA_BOOTSTRAP") or None,
        postgres_dsn=os.environ.get("HPTS_POSTGRES_DSN") or None,
        durability=os.environ.get("HPTS_DURABILITY") or None,
        security=kafka_security(),
    )
    if fresh and (options.kafka_bootstrap or options.postgres_dsn):
        err.print("hpts: --fresh cannot empty external servers (HPTS_KAFKA_BOOTSTRAP, ..._DSN)")
        raise typer.Exit(USAGE)

    def hear(kind: str, value: Any) -> None:
        if kind == "ready":
            out.print(_announced(value, options))
        elif kind == "failed":
            err.print(f"hpts: {value}")
        else:
            out.print(f"hpts: {value}")

    def work(tell: detach.Tell) -> int:
        return _serve(options, tell)

    if detached:
        raise typer.Exit(detach.run(work, options.data_dir / control.SUPERVISOR_LOG, hear))
    status = work(hear)
    sys.stdout.flush()
    if status == INTERRUPTED:
        os._exit(status)  # whatever was being fetched for the start need not be waited for
    raise typer.Exit(status)


@app.command()
def down(data_dir: DataDir = HERE) -> None:
    """Stop what runs on the data folder, and wait until it has ended."""
    try:
        out.print(f"hpts: {control.stop(data_dir.absolute())}")
    except control.CannotStop as reason:
        end(str(reason), 1)


@app.command()
def status(
    *,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Say what runs on the data folder; exit status 0 when it is ready, else 1."""
    found = control.look(data_dir.absolute())
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        _show(found, data_dir.absolute())
    raise typer.Exit(0 if found["ready"] else 1)


@app.command("migrate")
def migrate_and_provision(data_dir: DataDir = HERE) -> None:
    """Bring database and topics to this build: those HPTS_* names, else the data folder's."""
    admin_dsn, bootstrap = servers(data_dir)
    try:
        applied = migrate(admin_dsn)
        provision(
            bootstrap,
            admin_dsn,
            profile=os.environ.get("HPTS_PROFILE") or _profile_of(os.environ),
            durability=os.environ.get("HPTS_DURABILITY") or None,
            security=kafka_security(),
        )
    except EXPECTED as reason:
        end(str(reason), 1)
    out.print(f"hpts: applied {', '.join(applied) or 'nothing: it is up to date'}")


@app.command()
def openapi(
    *, write: Annotated[bool, typer.Option("--write", help="Replace the checked-in file.")] = False
) -> None:
    """Print the HTTP contract that the code describes (OpenAPI 3.1)."""
    if write:
        contract.write()
    else:
        sys.stdout.write(contract.contract())


def _profile_of(environment: Mapping[str, str]) -> str:
    """Our own servers are a local run; of others only the operator can say so (HPTS_PROFILE)."""
    return "production" if environment.get("HPTS_KAFKA_BOOTSTRAP") else topic_policy.LOCAL


def _serve(options: services.Options, tell: detach.Tell) -> int:
    try:
        was_ready = stack.run(
            options,
            say=lambda text: tell("say", text),
            announce=lambda described: tell("ready", described),
        )
    except AlreadyHeld as other:
        tell("failed", control.told_of(other, options.data_dir))
        return 1
    except EXPECTED as reason:
        tell("failed", str(reason))
        return 1
    return 0 if was_ready else INTERRUPTED


def _announced(described: dict[str, Any], options: services.Options) -> str:
    return announcement.text(
        described, data_dir=str(options.data_dir), durability=options.durability
    )


def _show(found: dict[str, Any], data_dir: Path) -> None:
    if not found["running"]:
        out.print(f"hpts: nothing runs on {data_dir}")
        return
    table = Table("process", "pid", "state", box=None)
    for name, pids in found["processes"].items():
        for pid in pids:
            table.add_row(name, str(pid), "runs" if control.is_alive(pid) else "has ended")
    out.print(f"hpts: supervisor {found['supervisor']}, API {found['api_url']}")
    out.print(f"hpts: console {found['console_sign_in_url']}")
    out.print(table)
    for name, why in found["not_ready"].items():
        out.print(f"hpts: {name} is not ready: {why}")
    for name, why in found["warnings"].items():
        out.print(f"hpts: {name}: {why}")
    if found["ready"]:
        out.print("hpts: ready")
