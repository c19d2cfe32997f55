"""A tenant that has little reads little, in a ledger in which another has much; and the tenant
that has much reads no more than the question needs.

Every statement of the read edge is run as its role with the plan for these parameters and with
the plan for any: what its scans touch is counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from read_api.store import SQL

LITTLE = UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1")
MUCH = UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c2")
ENTRIES_OF_LITTLE = 24
ENTRIES_OF_MUCH = 12_000
MOST_TOUCHED = 20 * ENTRIES_OF_LITTLE
ACCOUNTS = {"principal": "1100", "interest": "1200", "fees": "1300", "suspense": "2100"}
ACCOUNTS |= {"unsettled": "2000"}

# Entries of both tenants by turns in four partitions; one loan each ten, references, reversals.
FILL: LiteralString = """
    CREATE TEMPORARY TABLE numbered AS
        SELECT n, (n %% 4)::smallint AS p,
            CASE WHEN n %% (%(much)s / %(little)s) = 7 THEN %(tenant)s ELSE %(other)s END::uuid
                AS tenant,
            md5('loan' || n / 40)::uuid AS loan, md5('entry' || n)::uuid AS entry,
            timestamptz '2026-05-01' + n * interval '10 seconds' AS instant,
            md5('event' || n)::uuid AS event, date '2026-01-05' + n %% 90 AS day,
            decode(repeat('00', 32), 'hex') AS hash
        FROM generate_series(1, %(much)s) AS n;
    INSERT INTO loans (partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,
        principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,
        collected_principal_minor, collected_interest_minor, collected_fees_minor,
        recovered_minor, standing_openings, standing_payments, standing_charge_offs,
        standing_refinances, version, last_activity_at)
        SELECT DISTINCT ON (p, tenant, loan) p, tenant, loan, loan, 'USD', 'active', day,
            100, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, instant FROM numbered;
    INSERT INTO journal_entries (partition_id, entry_seq, tenant_id, journal_entry_id, part,
        event_type, event_id, effective_on, booked_on, posted_at, correlation_id, actor, metadata,
        command_offset, entry_hash)
        SELECT p, n, tenant, entry, 0, 'disbursement', event, day, day, instant, entry, 'a test',
            '{}', n, hash FROM numbered;
    INSERT INTO journal_lines SELECT p, n, side.number, tenant, '1100', side.direction, 100, 'USD',
        'SETTLED', loan, loan, CASE n %% 3 WHEN 1 THEN 'a reference' END, day
        FROM numbered, (VALUES (1, 'DR'), (2, 'CR')) AS side (number, direction);
    INSERT INTO account_days SELECT p, tenant, '1100', 'USD', 'SETTLED', day, instant::date,
        sum(100), sum(100) FROM numbered GROUP BY p, tenant, day, instant::date;
    INSERT INTO reversal_targets SELECT p, entry, 0, uuid_nil, tenant, event
        FROM numbered, (VALUES ('00000000-0000-0000-0000-000000000000'::uuid)) AS nil (uuid_nil);
    INSERT INTO period_closes SELECT p, tenant, date '2026-01-05' - n, timestamptz '2026-05-01'
        FROM numbered;
    INSERT INTO quarantined_commands SELECT p, tenant, loan, n, 'key:' || n, entry, entry,
        'Payment', hash, false, 'a test', instant, instant, NULL, hash, '[]' FROM numbered;
    UPDATE partitions SET last_entry_seq = %(much)s;
    DROP TABLE numbered;
"""


@pytest.fixture(scope="module")
def reader(fresh_ledger: Callable[[], tuple[str, str]]) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the read edge's, for the tenant that has little."""
    admin_dsn, _ = fresh_ledger()
    numbers = {"much": ENTRIES_OF_MUCH, "little": ENTRIES_OF_LITTLE}
    with psycopg.connect(admin_dsn, autocommit=True, cursor_factory=psycopg.ClientCursor) as admin:
        admin.execute("SET search_path = hpts, hpts_edge")
        admin.execute(FILL, {**numbers, "tenant": LITTLE, "other": MUCH})
        admin.execute("VACUUM ANALYZE")
        admin.execute("SET ROLE hpts_reader")
        admin.execute("SELECT set_config('hpts.tenant_id', %s, false)", (str(LITTLE),))
        yield admin


OF_NOBODY: dict[str, Any] = {
    **dict.fromkeys(("to_instant", "known_at"), datetime(2026, 5, 2, tzinfo=UTC)),
    "from_instant": datetime(2026, 5, 1, tzinfo=UTC),
    **dict.fromkeys(("to_date", "as_of", "before", "posted_before"), date.max),
    **dict.fromkeys(("from_date", "first_ends_on"), date.min),
    **dict.fromkeys(("event_type", "status", "external_ref")),
    **dict.fromkeys(("behind_at", "behind_partition", "behind_seq")),
    **dict.fromkeys(("from_run_id", "from_rank", "from_partition", "from_seq"), 0),
    **dict.fromkeys(("from_sequence", "life_began_seq", "after_seq", "after_sequence"), 0),
    **dict.fromkeys(("from_id", "from_loan_id"), UUID(int=0)),
    **dict.fromkeys(("is_descending", "is_by_date"), False),
    **dict.fromkeys(("most", "width"), 101),
    "partition_ids": [0, 1, 2, 3],
    "after_seqs": [0] * 4,
    "upto_seqs": [2**40] * 4,
    "upto_seq": 2**40,
    "direction": 1,
    "run_ids": [1],
    "account_codes": ["1100"],
    "account_code": "1100",
    "currency": "USD",
    "layer": "SETTLED",
}
"""Parameters whose values are no tenant's."""


@pytest.fixture(scope="module")
def parameters(reader: psycopg.Connection[Any]) -> dict[str, Any]:
    """A value for every parameter of every statement, of things that the tenant has."""
    row = reader.execute(
        "SELECT l.partition_id, l.entry_seq, l.loan_id, e.journal_entry_id FROM readable_lines AS l"
        " JOIN readable_entries AS e USING (partition_id, entry_seq) LIMIT 1"
    ).fetchone()
    partition_id, entry_seq, loan_id, entry_id = row or ()
    return {
        **OF_NOBODY,
        **ACCOUNTS,
        "tenant_id": LITTLE,
        "partition_id": partition_id,
        "loan_id": loan_id,
        "loan_ids": [loan_id] * 4,
        "borrower_id": loan_id,
        "entry_seqs": [entry_seq] * 4,
        "journal_entry_id": entry_id,
    }


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "scan_entries": [
        {"account_code": None},
        {"account_code": None, "direction": -1, "after_seqs": [2**40] * 4},
        {"account_code": "1200"},
        {"account_code": None, "external_ref": "a reference"},
        {"external_ref": "a reference", "direction": -1, "after_seqs": [2**40] * 4},
    ],
    "sum_accounts_last_day": [{}, {"account_code": None, "currency": None, "layer": None}],
    "list_loan_entries": [{}, {"is_by_date": True}, {"direction": -1, "after_seq": 2**40}],
    "scan_loans": [
        {},
        {"status": "paid_off"},
        {"direction": -1, "from_loan_id": UUID(int=2**128 - 1)},
        {"upto_seqs": [0] * 4},
    ],
    "list_loans_of_borrower": [{}, {"direction": -1, "from_loan_id": UUID(int=2**128 - 1)}],
    "list_quarantined": [
        {"loan_id": None, "from_partition": 0, "from_offset": 0, "from_loan_id": UUID(int=0)}
    ],
}
OF_ALL_TENANTS = {
    *("set_operator", "load_operations", "list_dead_letters", "count_dead_letters"),
    "load_deliveries",
}
"""For operators alone: nobody's own rows are among them."""
CASES = [
    (name, number)
    for name in sorted(set(SQL) - {"set_tenant"} - OF_ALL_TENANTS)
    for number in range(len(VARIANTS.get(name, [{}])))
]


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_tenant_that_has_little_reads_little(
    reader: psycopg.Connection[Any],
    parameters: dict[str, Any],
    name: str,
    number: int,
    plan: str,
) -> None:
    given = {**parameters, **VARIANTS.get(name, [{}])[number]}
    reader.execute("SELECT set_config('plan_cache_mode', %s, false)", (plan,))
    touched = {
        node["Relation Name"]: touched_by(node)
        for node in nodes_of(explained(reader, name, given))
        if "Relation Name" in node and node["Relation Name"] != "partitions"
    }
    assert touched or name == "load_positions"
    assert {table: n for table, n in touched.items() if n > MOST_TOUCHED} == {}


@pytest.fixture
def large(reader: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """The same connection, for the tenant that has much."""
    reader.execute("SELECT set_config('hpts.tenant_id', %s, false)", (str(MUCH),))
    yield reader
    reader.execute("SELECT set_config('hpts.tenant_id', %s, false)", (str(LITTLE),))


EVERYTHING: dict[str, Any] = {"account_code": None, "currency": None, "layer": None}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("narrowed", [{}, EVERYTHING])
def test_a_large_tenants_last_day_costs_what_was_posted_in_it(
    large: psycopg.Connection[Any], parameters: dict[str, Any], plan: str, narrowed: dict[str, Any]
) -> None:
    """Of 24,000 lines, the 720 of one hour; the way there is found by halving."""
    large.execute("SELECT set_config('plan_cache_mode', %s, false)", (plan,))
    hour = {"from_instant": datetime(2026, 5, 1, 12, tzinfo=UTC)}
    hour["to_instant"] = datetime(2026, 5, 1, 13, tzinfo=UTC)
    given = {**parameters, **narrowed, **hour, "tenant_id": MUCH}
    touched = touched_tables(explained(large, "sum_accounts_last_day", given))
    entries, probes = 360, 4 * 2 * ENTRIES_OF_MUCH.bit_length()
    assert entries // 2 < touched["journal_entries"] <= entries + probes
    assert 0 < touched["journal_lines"] <= 2 * entries
    assert set(touched) == {"journal_entries", "journal_lines", "partitions"}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", ["sum_account", "sum_accounts"])
def test_a_large_tenants_whole_days_cost_its_day_totals_alone(
    large: psycopg.Connection[Any], parameters: dict[str, Any], plan: str, name: str
) -> None:
    large.execute("SELECT set_config('plan_cache_mode', %s, false)", (plan,))
    [totals] = large.execute("SELECT count(*) FROM readable_account_days").fetchone() or (0,)
    touched = touched_tables(explained(large, name, {**parameters, "tenant_id": MUCH}))
    # A scan may pass over the few rows of the other tenant.
    assert totals / 2 < touched["account_days"] <= totals + 2 * ENTRIES_OF_LITTLE
    assert set(touched) == {"account_days"}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_a_large_tenants_first_day_is_found_without_its_day_totals(
    large: psycopg.Connection[Any], parameters: dict[str, Any], plan: str
) -> None:
    large.execute("SELECT set_config('plan_cache_mode', %s, false)", (plan,))
    touched = touched_tables(explained(large, "find_first_day", {**parameters, "tenant_id": MUCH}))
    assert 0 < touched["account_days"] <= 2 * 4
    assert 0 < touched["period_closes"] <= 4


def touched_tables(plan: dict[str, Any]) -> Counter[str]:
    """The rows that all scans of each table have looked at."""
    touched: Counter[str] = Counter()
    for node in nodes_of(plan):
        if "Relation Name" in node:
            touched[node["Relation Name"]] += touched_by(node)
    return touched


def touched_by(node: dict[str, Any]) -> int:
    """The rows that a scan has looked at, those it threw away included."""
    removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def explained(reader: psycopg.Connection[Any], name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The plan of a statement, run."""
    statement = SQL[name]
    wanted = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    for place, one in enumerate(wanted, start=1):
        statement = cast(LiteralString, statement.replace(f"%({one})s", f"${place}"))
    reader.execute("DEALLOCATE ALL")
    reader.execute(sql.SQL("PREPARE looked_at AS ") + sql.SQL(statement))
    values = sql.SQL(", ").join(sql.Literal(given[one]) for one in wanted)
    call = sql.SQL("({})").format(values) if wanted else sql.SQL("")
    explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE looked_at") + call
    row = reader.execute(explain).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)
