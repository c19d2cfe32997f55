"""The journal topic when cursor, topic or books are lost (kills: `test_deliveries_killed`)."""

from functools import partial

import psycopg

from schemas.topics import JOURNAL
from tests.deliveries.delivering import deliveries, health
from tests.deliveries.on_topic import cursors_in, faults_in, is_all_told, posted_in, told_in
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import Payers
from tests.http import Client
from tests.rebuilding.rebuilt import hpts

PARTITIONS = 12


def run(own: OwnLedger, statement: str) -> None:
    with psycopg.connect(own.admin_dsn, autocommit=True) as connection:
        connection.execute(statement)


def cursors_told(own: OwnLedger) -> str:
    return str(cursors_in(own.admin_dsn))


def all_told(own: OwnLedger) -> int:
    """Wait until everything posted is on the topic, hold it against the books; how many messages
    there are beyond one an entry.
    """
    until(lambda: own.unapplied() == 0, seconds=40)
    until(lambda: is_all_told(own.admin_dsn), seconds=30, told=partial(cursors_told, own))
    told, posted = told_in(own.bootstrap, PARTITIONS), posted_in(own.admin_dsn)
    assert faults_in(told, posted) == []
    return len(told) - sum(map(len, posted.values()))


def test_two_publishers_tell_everything_once(own: OwnLedger) -> None:
    own.engine()
    first, second = deliveries(own), deliveries(own)
    with Payers(own.stack(own.api()), clients=4).open_loans(4) as payers:
        until(lambda: payers.known > 60, seconds=30)
        assert first.stop() == 0, first.said()
        before = payers.known
        until(lambda: payers.known > before + 60, seconds=30)
        payers.stop()
    assert all_told(own) == 0
    assert second.stop() == 0, second.said()


def test_nothing_is_told_twice_by_rebuilt_books_nor_after_a_lost_cursor(own: OwnLedger) -> None:
    """F65: what has left is not rebuilt with the books; and where it is lost, the topic has it."""
    engine, publisher = own.engine(), deliveries(own)
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="100000")
    client.pay(loan, amount_minor="700")
    assert all_told(own) == 0
    engine.stop()

    assert hpts(own, "replay", "--into", "rebuilt", "--promote")[0] == 0
    own.engine()
    client.pay(loan, amount_minor="1")
    assert all_told(own) == 0

    publisher.stop()
    run(own, "DELETE FROM hpts_edge.delivery_cursors")
    client.pay(loan, amount_minor="2")
    deliveries(own)
    assert all_told(own) == 0


def test_what_a_broker_has_lost_of_the_topic_is_told_again(own: OwnLedger) -> None:
    """The cursors say more than the topic has, of partitions with and without other entries."""
    own.engine()
    publisher = deliveries(own)
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="100000")
    assert all_told(own) == 0
    publisher.stop()
    client.pay(loan, amount_minor="700")
    for _ in range(4):
        client.open_loan(amount_minor="100000")
    until(lambda: own.unapplied() == 0, seconds=40)
    run(
        own,
        "UPDATE hpts_edge.delivery_cursors AS c"
        " SET entry_seq = j.entry_seq, entry_hash = j.entry_hash"
        " FROM hpts.partitions AS p JOIN hpts.journal_entries AS j USING (partition_id)"
        " WHERE j.entry_seq = p.last_entry_seq AND c.partition_id = p.partition_id",
    )
    assert is_all_told(own.admin_dsn)

    deliveries(own)
    client.pay(loan, amount_minor="2")
    until(
        lambda: not faults_in(told_in(own.bootstrap, PARTITIONS), posted_in(own.admin_dsn)),
        seconds=30,
        told=partial(cursors_told, own),
    )
    assert all_told(own) == 0


def test_a_topic_made_anew_is_filled_anew_and_other_books_are_refused(own: OwnLedger) -> None:
    engine, publisher = own.engine(), deliveries(own)
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="100000")
    assert all_told(own) == 0
    publisher.stop()
    own.remove_topics(JOURNAL)
    assert hpts(own, "migrate", HPTS_PROFILE="local")[0] == 0
    publisher = deliveries(own)
    assert all_told(own) == 0

    publisher.stop()
    engine.stop()
    run(own, "UPDATE hpts.journal_entries SET entry_hash = sha256(entry_hash)")
    own.engine()
    publisher = deliveries(own)
    client.pay(loan, amount_minor="2")
    until(
        lambda: any(cursor["halted_because"] for cursor in cursors_in(own.admin_dsn).values()),
        seconds=20,
        told=publisher.said,
    )
    [why] = {
        cursor["halted_because"]
        for cursor in cursors_in(own.admin_dsn).values()
        if cursor["halted_because"]
    }
    assert "not the one that was published" in why
    assert "hpts verify" in why
    warned = client.get("/v1/health/ready").json()["warnings"]
    assert "hpts verify" in warned["journal_topic"]
    assert health(publisher)[1]["lag"]["journal_topic"]["halted"] == 1
