"""C. Between the engine and Postgres (F40 to F46), and what an entry must be (F53, F54)."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.noticed_by import (
    FAITHFUL,
    MANY_SEEDS,
    PASSING,
    SEEDS,
    SESSION,
)

STORE_FAULTS: Final = (
    Fault(
        row="F40",
        planted="a COMMIT whose answer was lost counts as done; nobody asks Postgres",
        changes=(
            Change(
                "posting_engine/worker.py",
                "                self.patience.wait()\n                self._resync()\n",
                "                self.patience.wait()\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F41",
        planted="a commit is answered before it is on the disk",
        changes=(
            Change(
                "posting_engine/session.py",
                "-c synchronous_commit=on ",
                "-c synchronous_commit=off ",
            ),
        ),
        caught_by=(f"{SESSION}[synchronous_commit=on]",),
    ),
    Fault(
        row="F42",
        planted="a statement, COMMIT too, is cancelled after 30 s",
        changes=(
            Change(
                "posting_engine/session.py", "-c statement_timeout=0", "-c statement_timeout=30s"
            ),
        ),
        caught_by=(f"{SESSION}[statement_timeout=0]",),
    ),
    Fault(
        row="F43",
        planted="a page that a crash tears cannot be mended from the write-ahead log",
        changes=(
            Change(
                "hpts/local/postgres.py",
                '    "full_page_writes": "on",\n',
                '    "full_page_writes": "off",\n',
            ),
        ),
        caught_by=("tests/local/test_postgres.py::test_the_cluster_is_what_a_ledger_needs",),
    ),
    Fault(
        row="F44",
        planted="a full disk counts as a fault of the data",
        changes=(
            Change(
                "posting_engine/store.py",
                "        except (psycopg.DataError, psycopg.IntegrityError) as error:\n",
                "        except (psycopg.DataError, psycopg.IntegrityError, "
                "psycopg.errors.DiskFull) as error:\n",
            ),
        ),
        caught_by=(f"{PASSING}[53100]",),
        errors=("DataRefused",),
    ),
    Fault(
        row="F45",
        planted="a loan is written whatever has become of it since it was read",
        changes=(
            Change(
                "posting_engine/sql/update_loans.sql",
                "    AND l.version = u.read_version\n",
                "    AND l.version >= u.read_version\n",
            ),
        ),
        caught_by=(f"{FAITHFUL}::test_a_loan_that_somebody_else_wrote_is_not_overwritten",),
    ),
    Fault(
        row="F45",
        planted="loans are written before the positions are locked",
        changes=(
            Change(
                "posting_engine/writes.py",
                '        written.append(("check_balance", _written_ranges(verdict, moved)))\n'
                "    return written\n",
                '        written.append(("check_balance", _written_ranges(verdict, moved)))\n'
                '    return sorted(written, key=lambda one: one[0] != "insert_loans")\n',
            ),
        ),
        caught_by=(
            "tests/books/test_fencing.py::test_the_positions_are_locked_before_anything_is_written",
        ),
    ),
    Fault(
        row="F46",
        planted="a day total is one row for all partitions",
        changes=(
            Change(
                "schemas/sql/0003_ledger.sql",
                "    PRIMARY KEY (partition_id, tenant_id, account_code, currency, layer, "
                "booked_on, posted_on)\n",
                "    PRIMARY KEY (tenant_id, account_code, currency, layer, "
                "booked_on, posted_on)\n",
            ),
            Change(
                "posting_engine/sql/add_account_days.sql",
                "ON CONFLICT (partition_id, tenant_id,",
                "ON CONFLICT (tenant_id,",
            ),
        ),
        caught_by=(
            "tests/books/test_catalogue.py"
            "::test_every_key_that_the_engine_writes_begins_with_the_partition",
        ),
    ),
    Fault(
        row="F53",
        planted="the parts of a payment are rounded, each by itself",
        changes=(
            Change(
                "posting_engine/posting/waterfall.py",
                "        left_minor -= parts[receivable]\n",
                "        left_minor -= parts[receivable]\n"
                "        parts[receivable] -= parts[receivable] % 5\n",
            ),
        ),
        caught_by=("tests/posting/test_payment.py::test_the_parts_always_sum_to_the_payment",),
    ),
    Fault(
        row="F53",
        planted="what is owed is computed in floating point",
        changes=(
            Change(
                "posting_engine/posting/waterfall.py",
                "min(left_minor, loan.owed_minor(receivable))\n",
                "int(min(left_minor / 1, loan.owed_minor(receivable)))\n",
            ),
        ),
        caught_by=("tests/test_tidy.py::test_the_core_has_no_float_no_clock_and_no_chance",),
    ),
    Fault(
        row="F54",
        planted="an entry may be built unbalanced",
        changes=(
            Change(
                "posting_engine/posting/journal.py",
                "        if any(difference_minor.values()):\n",
                "        if any(not key for key in difference_minor):\n",
            ),
        ),
        caught_by=("tests/posting/test_journal.py::test_an_entry_that_does_not_balance_is_none",),
    ),
    Fault(
        row="F54",
        planted="nobody looks at what the sum over a batch's rows says",
        changes=(
            Change(
                "posting_engine/answers.py",
                '        if name == "check_balance" and (unbalanced := cursor.fetchall()):\n',
                '        if name == "check_balances" and (unbalanced := cursor.fetchall()):\n',
            ),
        ),
        caught_by=(
            "tests/books/test_unbalanced.py::test_rows_that_do_not_balance_are_not_committed",
        ),
    ),
)
