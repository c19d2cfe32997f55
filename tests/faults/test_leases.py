"""One writer a partition, whoever starts, stops, is paused, or is slow."""

import signal
import time

import psycopg
import pytest

from tests import audit
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.faults.payers import Payers, paid_minor
from tests.http import Client

STOPPED_WITHIN_S = 10
SESSION_S = 6
APPLIED_WITHIN_S = 45


def sound(own: OwnLedger, payers: Payers, stack: dict[str, object]) -> None:
    """Everything acknowledged is posted once, and the loans say so."""
    until(lambda: own.unapplied() == 0, seconds=APPLIED_WITHIN_S)
    assert len(set(payers.acknowledged)) == len(payers.acknowledged) > 0
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(Client.of(stack), payers.loans) == len(payers.acknowledged)


def stopped(engine: Service, *signals: int) -> tuple[int, float]:
    """The exit status and how long it took."""
    begun = time.monotonic()
    for number in signals[:-1]:
        engine.send(number)
        time.sleep(0.05)  # two signals at once are one
    return engine.stop(signals[-1]), time.monotonic() - begun


def test_from_one_engine_to_four_and_back_under_load(own: OwnLedger) -> None:
    first, api = own.engine(0), own.api()
    stack = own.stack(api)
    with Payers(stack).open_loans(40) as payers:
        others = [own.engine(slot) for slot in (1, 2, 3)]
        engines = [first, *others]
        until(lambda: sorted(own.held_by(engine) for engine in engines) == [3, 3, 3, 3], seconds=30)
        before = len(payers.acknowledged)
        until(lambda: len(payers.acknowledged) > before + 100, seconds=20)
        for engine in others:
            status, seconds = stopped(engine, signal.SIGTERM)
            assert status == 0, engine.said()
            assert seconds < STOPPED_WITHIN_S
        until(lambda: own.held_by(first) == 12, seconds=30)
        before = len(payers.acknowledged)
        until(lambda: len(payers.acknowledged) > before + 100, seconds=20)
    sound(own, payers, stack)
    # Each went from the first to another and back.
    assert min(epoch for _, epoch, *_ in own.partitions().values()) >= 2


def test_an_engine_paused_longer_than_its_session_is_fenced_when_it_goes_on(
    own: OwnLedger,
) -> None:
    engines, api = [own.engine(0), own.engine(1)], own.api()
    stack = own.stack(api)
    until(lambda: all(own.held_by(engine) == 6 for engine in engines), seconds=30)
    with Payers(stack, clients=16).open_loans(40) as payers:
        for episode in range(2):
            paused, other = engines[episode], engines[1 - episode]
            lose_lease(own, paused, other, in_a_transaction=episode == 0)
            paused.send(signal.SIGCONT)
            until(lambda: own.held_by(paused) == 6, seconds=30, told=paused.said)  # noqa: B023
            until(lambda: own.held_by(other) == 6, seconds=30, told=other.said)  # noqa: B023
    sound(own, payers, stack)
    assert "fenced: rejoining" in engines[0].said()


def lose_lease(own: OwnLedger, paused: Service, other: Service, *, in_a_transaction: bool) -> None:
    """Stop an engine in the midst of its work, until another holds what it held."""
    if in_a_transaction:
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute(
                "SELECT FROM hpts.partitions WHERE lease_owner LIKE %s FOR UPDATE",
                [f"%/{paused.process.pid}/%"],
            )
            until(lambda: waits_for_a_lock(own), seconds=10)
            paused.send(signal.SIGSTOP)
    else:
        paused.send(signal.SIGSTOP)
    until(
        lambda: own.held_by(other) == 12,
        seconds=SESSION_S + 20,
        told=lambda: f"{own.partitions()}\n{paused.said()}\n{other.said()}",
    )


def test_of_two_engines_in_one_slot_one_ends_and_nothing_is_posted_twice(
    own: OwnLedger,
) -> None:
    older, api = own.engine(0), own.api()
    stack = own.stack(api)
    with Payers(stack).open_loans(20) as payers:
        newer = own.engine(0)
        until(
            lambda: older.has_ended or newer.has_ended,
            seconds=30,
            told=lambda: f"{older.said()}\n{newer.said()}",
        )
        ended, other = (older, newer) if older.has_ended else (newer, older)
        until(lambda: own.held_by(other) == 12, seconds=20)
    assert ended.process.returncode == 1
    assert "engine cannot go on" in ended.said()
    sound(own, payers, stack)


def test_of_two_groups_the_one_that_is_pinned_wins_and_the_other_says_why(
    own: OwnLedger,
) -> None:
    old, api = own.engine(0), own.api()
    stack = own.stack(api)
    with Payers(stack).open_loans(20) as payers:
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute("UPDATE hpts_edge.ledger_settings SET group_id = 'another-group'")
        new = own.engine(1)
        until(lambda: own.held_by(new) == 12, seconds=20)
        # It consumes everything, too, until it first tries to write.
        until(lambda: old.has_ended, seconds=30)
    assert old.process.returncode == 1
    assert "reads as group hpts-posting-engine" in old.said()
    assert "pinned to another-group" in old.said()
    assert own.held_by(new) == 12
    sound(own, payers, stack)


def test_a_batch_slower_than_the_poll_interval_finishes_or_is_fenced(own: OwnLedger) -> None:
    slow = {"HPTS_MAX_POLL_INTERVAL_MS": "6000"}
    engines, api = [own.engine(0, **slow), own.engine(1, **slow)], own.api()
    stack = own.stack(api)
    until(lambda: all(own.held_by(engine) == 6 for engine in engines), seconds=30)
    with Payers(stack).open_loans(40) as payers:
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute("SELECT FROM hpts.partitions FOR UPDATE")
            time.sleep(15)  # the fault itself: a lock held for longer than two poll intervals
        before = sum(offset for offset, *_ in own.partitions().values())
        until(lambda: sum(offset for offset, *_ in own.partitions().values()) > before, seconds=30)
    sound(own, payers, stack)


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM] * 2 + [signal.SIGINT]])
def test_an_engine_asked_to_stop_in_mid_batch_ends_in_order(
    own: OwnLedger, signals: list[int]
) -> None:
    engine, api = own.engine(HPTS_BATCH_RECORDS="50"), own.api()
    stack = own.stack(api)
    with Payers(stack).open_loans(20) as payers:
        engine.send(signal.SIGSTOP)
        before = len(payers.acknowledged)
        until(lambda: len(payers.acknowledged) > before + 300, seconds=30)
        engine.send(signal.SIGCONT)
        status, seconds = stopped(engine, *signals)
        assert status == 0, engine.said()
        assert seconds < STOPPED_WITHIN_S
        assert [owner for _, _, owner, _ in own.partitions().values()] == [None] * 12
        own.engine()
    sound(own, payers, stack)


def test_an_engine_that_waits_for_a_lock_gives_its_batch_up_when_asked_to_stop(
    own: OwnLedger,
) -> None:
    engine, api = own.engine(), own.api()
    stack = own.stack(api)
    with Payers(stack).open_loans(20) as payers:
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute("SELECT FROM hpts.partitions FOR UPDATE")
            until(lambda: waits_for_a_lock(own), seconds=10)
            status, seconds = stopped(engine, signal.SIGTERM)
        assert status == 0, engine.said()
        assert seconds < STOPPED_WITHIN_S
        own.engine()
    sound(own, payers, stack)


def waits_for_a_lock(own: OwnLedger) -> bool:
    with psycopg.connect(own.admin_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND application_name = 'hpts-posting-engine'"
        ).fetchone()
    return row is not None and row[0] > 0


@pytest.mark.parametrize("server", ["kafka", "postgres"])
def test_an_engine_whose_server_stands_still_ends_in_time_all_the_same(
    own: OwnLedger, server: str
) -> None:
    engine, api = own.engine(), own.api()
    stack = own.stack(api)
    process = getattr(own.servers, server).process
    with Payers(stack).open_loans(20) as payers:
        before = len(payers.acknowledged)
        until(lambda: len(payers.acknowledged) > before + 100, seconds=30)
        process.send_signal(signal.SIGSTOP)
        try:
            _, seconds = stopped(engine, signal.SIGTERM)
        finally:
            process.send_signal(signal.SIGCONT)
        assert seconds < STOPPED_WITHIN_S, engine.said()
        own.engine()
    sound(own, payers, stack)
