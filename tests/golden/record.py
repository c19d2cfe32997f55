"""`python -m tests.golden.record NAME`: record a log of every event, and what it comes to.

It makes a log on a real Kafka, applies it to a real Postgres with rules that break now and then and
a table that refuses some rows, archives it with `hpts.archiving`, and writes what the books came to
into `tests/golden/NAME/`. A release records one; what is recorded is never changed.
"""

import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path

import psycopg

from hpts.archiving.files import Folder
from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from posting_engine.books import Books
from posting_engine.posting.decide import decide
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.posting.rules import EVENT_KINDS
from schemas.commands import AnyCommand, PeriodClose
from tests.archiving.small_ledger import (
    KEY,
    KEY_VARIABLE,
    PARTITIONS,
    SmallLedger,
    begin_partitions,
    empty_books,
)
from tests.books.ledger import Engine, LogOfCommands, envelope
from tests.books.mixed_log import BREAKING_MINOR, plant, recorded
from tests.contracts.test_codec import EXAMPLES
from tests.golden.digest import digest_of
from tests.golden.messages import recorded as recorded_message
from tests.local_servers import running
from tests.local_stack import new_folder

HERE = Path(__file__).parent
DIGEST, LOG, MESSAGES = "digest.json", "log", "messages.json"
COMMANDS = 700


def rules_that_break(command: AnyCommand, place: Place, page: Page) -> Decision:
    """Ours, and one more: some amounts break at every even offset, and so may be resumed at odd."""
    if getattr(command, "amount_minor", None) == BREAKING_MINOR and not place.command_offset % 2:
        raise BrokenInvariant("a rule of the day would be broken")
    return decide(command, place, page)


def record(bootstrap: str, cluster_dsn: str, target: Path, *, commands: int, seed: int) -> None:
    """Make one on these servers. The target must not be there."""
    target.mkdir(parents=True)
    os.environ[KEY_VARIABLE] = KEY.secret.decode()
    admin_dsn, engine_dsn = empty_books(cluster_dsn)
    begin_partitions(admin_dsn, "a scratch")
    plant(admin_dsn)
    books = Books(engine_dsn)
    engine = Engine(books, rules_that_break)
    log = recorded(engine, commands=commands, seed=seed)
    close_a_month(engine, log)
    books.close()

    small = SmallLedger(bootstrap, cluster_dsn, decide=rules_that_break)
    plant(small.admin_dsn)
    small.send(*(command for _, command in log.records))
    small.send_raw(0, [b"no command", None])
    small.abort(PARTITIONS - 1, 2)
    small.send_raw(PARTITIONS - 1, [b"\x00\x00\x00\x00\x01cut off"])
    small.apply()
    small.archive(Folder(target / LOG))
    if lacking := what_is_lacking(small.admin_dsn):
        raise SystemExit(f"not worth recording, choose another seed: {', '.join(lacking)}")
    told = json.dumps(digest_of(small.admin_dsn), indent=1)
    (target / DIGEST).write_text(told + "\n", encoding="utf-8")


def close_a_month(engine: Engine, log: LogOfCommands) -> None:
    """Every partition's step of it; and one payment that then belongs to a closed month."""
    steps: list[AnyCommand] = [
        PeriodClose(**envelope("close:january"), closed_through=date(2026, 1, 31))
    ]
    while steps:
        log.send(steps.pop(0))
        engine.apply(log.records[-1:])
        steps += engine.follow_ups
        engine.follow_ups.clear()


def what_is_lacking(admin_dsn: str) -> list[str]:
    """What a golden log must have, and these books have not."""
    with psycopg.connect(admin_dsn) as connection:
        [found] = connection.execute(
            "SELECT (SELECT count(DISTINCT event_type) FROM hpts.journal_entries),"
            " (SELECT count(*) FROM hpts.closed_periods),"
            " (SELECT count(*) FROM hpts.dead_letters WHERE reason LIKE 'hidden%'),"
            " (SELECT count(*) FROM hpts.dead_letters WHERE reason NOT LIKE 'hidden%'),"
            " (SELECT count(*) FROM hpts.quarantines WHERE decided_offset <> command_offset),"
            " (SELECT count(DISTINCT result ->> 'code') FROM hpts.command_outcomes),"
            " (SELECT count(*) FROM hpts.command_outcomes"
            "  WHERE resumed_offset IS NOT NULL AND status = 'posted'),"
            " (SELECT count(*) FROM hpts.command_outcomes"
            "  WHERE result ->> 'code' = 'rejected_by_operator'),"
            " (SELECT sum(next_offset) FROM hpts.partitions)"
            " - (SELECT count(*) FROM hpts.command_outcomes)"
            " - (SELECT count(*) FROM hpts.dead_letters)"
        ).fetchall()
    wanted = {
        "an event of every type": len(EVENT_KINDS),
        "a closed month in every partition": PARTITIONS,
        "an aborted transaction": 3,
        "dead letters": 3,
        "a command that broke again when resumed": 1,
        "ten kinds of refusals": 10,
        "a command that was resumed and posted": 1,
        "a command that was rejected": 1,
        "a duplicate": 1,
    }
    return [
        name for (name, least), count in zip(wanted.items(), found, strict=True) if count < least
    ]


def main(arguments: list[str]) -> int:
    """Record under a name that nothing has."""
    if len(arguments) != 1 or (HERE / arguments[0]).exists():
        print(__doc__, "\nNAME must be one that is not there yet.", file=sys.stderr)
        return 2
    data_dir = new_folder()
    kafka, postgres = KafkaServer(data_dir), PostgresServer(data_dir)
    with running(kafka), running(postgres):
        target = HERE / arguments[0]
        record(kafka.bootstrap, postgres.admin_dsn, target, commands=COMMANDS, seed=2026)
    postgres.discard()
    shutil.rmtree(data_dir.parent)
    messages = [recorded_message(message) for message in EXAMPLES]
    (target / MESSAGES).write_text(json.dumps(messages, indent=1) + "\n", encoding="utf-8")
    print(f"recorded: {target}; write down in README.md what it is of")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
