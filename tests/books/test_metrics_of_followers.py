"""What deliveries and the witness tell of the books that they follow, on a real Postgres."""

from collections.abc import Callable

import psycopg
import pytest
from prometheus_client import REGISTRY

from deliveries import metrics as deliveries
from deliveries.store import Store
from hpts.local.ledger import as_role
from hpts.migrate import migrate
from posting_engine.books import Books
from reconciliation import metrics as reconciliation
from reconciliation.findings import Kind
from reconciliation.store import Notebook
from tests.books import ledger

PASSWORD = "of-a-follower"
LOAN = ledger.loan_number(1)
OWNER = ledger.owner_of(LOAN)


@pytest.fixture
def books(fresh_ledger: Callable[[], tuple[str, str]]) -> str:
    """The administrator's DSN of books with three entries, all of one partition."""
    admin_dsn, engine_dsn = fresh_ledger()
    migrate(admin_dsn, dict.fromkeys(("hpts_deliveries", "hpts_reconciliation"), PASSWORD))
    log = ledger.LogOfCommands()
    log.send(ledger.disbursement("open", LOAN))
    log.send(ledger.payment("first", LOAN))
    log.send(ledger.payment("second", LOAN))
    ledger.apply(Books(engine_dsn), log, [3])
    return admin_dsn


def told(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(name, labels)
    assert value is not None, name
    return value


def test_what_has_not_left_is_behind_until_the_cursor_is_there(books: str) -> None:
    store = Store(as_role(books, "hpts_deliveries", PASSWORD), application="a test")
    of_topic = {"cursor": "journal_topic", "partition": str(OWNER)}
    of_hooks = {"cursor": "webhooks", "partition": str(OWNER)}

    def look() -> None:
        lag = store.rows("load_lag_of_partitions")
        deliveries.note_looked(lag, store.rows("count_webhooks")[0])

    look()
    assert told("hpts_deliveries_lag_entries", **of_topic) == 3
    assert told("hpts_deliveries_lag_seconds", **of_topic) > 0
    assert told("hpts_deliveries_halted", partition=str(OWNER)) == 0

    store.rows("note_halt", partition_id=OWNER, reason="of a test")
    look()
    assert told("hpts_deliveries_halted", partition=str(OWNER)) == 1

    with psycopg.connect(books) as admin:
        admin.execute(
            "INSERT INTO hpts_edge.delivery_cursors (name, partition_id, entry_seq, caught_up_at)"
            " VALUES ('webhooks', %s, 2, now())",
            [OWNER],
        )
    look()
    assert told("hpts_deliveries_lag_entries", **of_hooks) == 1
    with psycopg.connect(books) as admin:
        admin.execute("UPDATE hpts_edge.delivery_cursors SET entry_seq = 3, halted_because = NULL")
    look()
    for which in (of_topic, of_hooks):
        assert told("hpts_deliveries_lag_entries", **which) == 0
        assert told("hpts_deliveries_lag_seconds", **which) == 0
    assert told("hpts_deliveries_halted", partition=str(OWNER)) == 0
    store.close()


def test_what_is_to_be_told_has_a_number_and_an_age(books: str) -> None:
    store = Store(as_role(books, "hpts_deliveries", PASSWORD), application="a test")
    with psycopg.connect(books) as admin:
        admin.execute(
            "INSERT INTO hpts_edge.webhook_deliveries (endpoint_id, journal_entry_id, tenant_id,"
            " queue_id, partition_id, entry_seq, event_type, occurred_at, correlation_id, status,"
            " queued_at) SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
            " gen_random_uuid(), 0, 1, 'payment_received', now(), gen_random_uuid(), status,"
            " now() - age FROM (VALUES ('pending', interval '1 minute'),"
            " ('pending', interval '1 hour'), ('delivered', interval '1 day')) AS w (status, age)"
        )
        for status in ("enabled", "disabled", "deleted"):
            admin.execute(
                "INSERT INTO hpts_edge.webhook_endpoints (endpoint_id, tenant_id, url,"
                " starts_after, status) VALUES (gen_random_uuid(), gen_random_uuid(), 'https://x',"
                " '{}', %s)",
                [status],
            )
    deliveries.note_looked([], store.rows("count_webhooks")[0])
    assert told("hpts_deliveries_webhook_pending") == 2
    assert 3_600 <= told("hpts_deliveries_webhook_oldest_seconds") < 3_700
    assert told("hpts_deliveries_webhook_endpoints_disabled") == 1
    store.close()


def test_the_witness_is_behind_by_what_has_not_come_and_tells_what_stands(books: str) -> None:
    notebook = Notebook(as_role(books, "hpts_reconciliation", PASSWORD))
    partition = {"partition": str(OWNER)}

    def look(come_to: dict[int, int]) -> None:
        lag = notebook.rows("load_lag", partition_ids=list(come_to), seqs=list(come_to.values()))
        reconciliation.note_looked(lag, notebook.rows("count_findings"))

    look({})
    assert told("hpts_reconciliation_lag_entries", **partition) == 3
    assert told("hpts_reconciliation_lag_seconds", **partition) > 0
    with psycopg.connect(books) as admin:
        admin.execute(
            "INSERT INTO hpts_edge.reconciliation_findings (kind, subject, detail, found_by)"
            " VALUES ('entry_differs', 'x', 'of a test', 1)"
        )
    look({OWNER: 3})
    assert told("hpts_reconciliation_lag_entries", **partition) == 0
    assert told("hpts_reconciliation_lag_seconds", **partition) == 0
    assert told("hpts_reconciliation_findings", kind="entry_differs") == 1
    with psycopg.connect(books) as admin:
        admin.execute("UPDATE hpts_edge.reconciliation_findings SET cleared_at = now()")
    look({OWNER: 3})
    assert all(told("hpts_reconciliation_findings", kind=kind.value) == 0 for kind in Kind)
    notebook.close()


def test_only_a_complete_run_makes_the_comparison_young_again() -> None:
    reconciliation.note_begun()
    age = told("hpts_reconciliation_complete_age_seconds")
    checked = {"entries": 7, "oldest_look_s": 4}
    before = told("hpts_reconciliation_entries_checked_total")
    reconciliation.note_run({"status": "incomplete", "why": "of a test", "checked": checked})
    later = told("hpts_reconciliation_complete_age_seconds")
    assert later > age
    reconciliation.note_run({"status": "ok", "why": None, "checked": checked})
    assert told("hpts_reconciliation_complete_age_seconds") < later
    assert told("hpts_reconciliation_entries_checked_total") == before + 14
    assert told("hpts_reconciliation_oldest_look_seconds") == 4
