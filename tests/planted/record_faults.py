"""B. What a record is, and how a batch of them is applied: F29 to F39."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.log_faults import of_consumer
from tests.planted.noticed_by import (
    DAMAGED,
    LEASES,
    MANY_SEEDS,
    PASSING,
    QUARANTINE,
    SEEDS,
    SETTINGS,
    WORKER,
)

RECORD_FAULTS: Final = (
    Fault(
        row="F29",
        planted="the last applied record is read again, and its hash is not compared",
        changes=(
            Change(
                "posting_engine/contiguity.py",
                "        if record.hash != position.last_record_hash:\n",
                "        if position.last_record_hash is None:\n",
            ),
        ),
        caught_by=(f"{DAMAGED}[the_last_applied_record_is_another]",),
    ),
    Fault(
        row="F30",
        planted="a signed record of a newer build is put aside and passed",
        changes=(
            Change(
                "posting_engine/records.py",
                '        raise UnknownToThisBuild(f"{error}: run',
                '        raise DeadLetter(f"{error}: run',
            ),
        ),
        caught_by=(
            f"{WORKER}::test_a_signed_record_of_a_newer_build_halts_and_an_unsigned_one_does_not",
        ),
        errors=("DeadLetter",),
    ),
    Fault(
        row="F31",
        planted="a refusal is announced, and no outcome is kept of it",
        changes=(
            Change(
                "posting_engine/verdict.py",
                "    verdict.outcomes.append(row)\n",
                '    if row.status == "posted":\n        verdict.outcomes.append(row)\n',
            ),
        ),
        caught_by=(
            f"{QUARANTINE}::test_a_refusal_is_an_outcome_and_quarantines_nothing",
            SEEDS,
        ),
    ),
    Fault(
        row="F31",
        planted="a business refusal quarantines its loan",
        changes=(
            Change(
                "posting_engine/quarantine.py",
                "            if command.dry_run:\n                outcome = dry_run_of",
                '            if getattr(decision, "code", None) is not None:\n'
                "                return Broken(str(decision))\n"
                "            if command.dry_run:\n                outcome = dry_run_of",
            ),
        ),
        caught_by=(f"{QUARANTINE}::test_a_refusal_is_an_outcome_and_quarantines_nothing",),
    ),
    Fault(
        row="F32",
        planted="a deadlock counts as a fault of the data",
        changes=(
            Change(
                "posting_engine/store.py",
                "        except (psycopg.DataError, psycopg.IntegrityError) as error:\n",
                "        except (psycopg.DataError, psycopg.IntegrityError, "
                "psycopg.errors.DeadlockDetected) as error:\n",
            ),
        ),
        caught_by=(f"{PASSING}[40P01]",),
        errors=("DataRefused",),
    ),
    Fault(
        row="F33",
        planted="later commands of a loan that stands still are decided all the same",
        changes=(
            Change(
                "posting_engine/quarantine.py",
                "    return (command.tenant_id, loan_id) in case.page.quarantined\n",
                "    return (loan_id, command.tenant_id) in case.page.quarantined\n",
            ),
        ),
        caught_by=(
            f"{QUARANTINE}"
            "::test_resuming_decides_everything_again_in_order_at_the_time_of_the_resume",
            f"{QUARANTINE}::test_one_bad_command_stops_its_loan_and_no_other",
        ),
    ),
    of_consumer("F34", "what came over the wire is not checked", "check.crcs", "True", "False"),
    Fault(
        row="F34",
        planted="a signature covers the first 32 bytes of a value",
        changes=(
            Change(
                "schemas/signing.py",
                'b":" + hmac.digest(key.secret, value, "sha256")\n',
                'b":" + hmac.digest(key.secret, value[:32], "sha256")\n',
            ),
            Change(
                "schemas/signing.py",
                'header[-32:], hmac.digest(key.secret, value, "sha256"))\n',
                'header[-32:], hmac.digest(key.secret, value[:32], "sha256"))\n',
            ),
        ),
        caught_by=("tests/contracts/test_signing.py::test_every_bit_of_the_value_counts",),
    ),
    Fault(
        row="F35",
        planted="SIGTERM ends the engine where it stands",
        changes=(
            Change(
                "posting_engine/__main__.py",
                "    signal.signal(signal.SIGTERM, stop)\n",
                "",
            ),
        ),
        caught_by=(
            f"{LEASES}::test_an_engine_that_waits_for_a_lock_gives_its_batch_up_when_asked_to_stop",
        ),
    ),
    Fault(
        row="F36",
        planted="the client fetches ahead without a bound of its own",
        changes=(
            Change(
                "posting_engine/client_settings.py",
                '    "queued.max.messages.kbytes": 65536,\n',
                '    "queued.max.messages.kbytes": 2_097_151,\n',
            ),
        ),
        caught_by=(f"{SETTINGS}::test_the_engine_s_memory_is_bounded_whatever_the_backlog",),
    ),
    Fault(
        row="F37",
        planted="a batch is never cut where a command must find an earlier one in Postgres",
        changes=(
            Change(
                "posting_engine/cuts.py",
                "        if run and (_is_alone(item, run) or _looks_up(item, run) or "
                "not _goes_with(item, run)):\n",
                "        if run and _is_alone(item, run):\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F37",
        planted="a batch that Postgres refuses is not applied one by one, but put off whole",
        changes=(
            Change(
                "posting_engine/applying.py",
                "                self.confirm()\n                for item in going_on:\n",
                "                self.confirm()\n                for item in going_on[-1:]:\n",
            ),
        ),
        caught_by=(f"{QUARANTINE}::test_one_bad_command_stops_its_loan_and_no_other",),
    ),
    of_consumer(
        "F38",
        "records of transactions that were aborted, or are not over, are read",
        "isolation.level",
        '"read_committed"',
        '"read_uncommitted"',
    ),
    Fault(
        row="F39",
        planted="a partition has reached the log's end where a hung transaction hides the rest",
        changes=(
            Change(
                "posting_engine/reached.py",
                "            if p in written and p not in beyond and "
                "at.next_offset >= written[p]\n",
                "            if p in stable and p not in beyond and at.next_offset >= stable[p]\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
)
