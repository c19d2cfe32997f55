"""A member that its coordinator alone cannot hear goes on fetching and writing: it is fenced."""

import psycopg

from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import Payers, paid_minor
from tests.http import Client

SESSION_S = 6
WATCH_WRITERS = """
    CREATE TABLE public.writes (what text, owner text, backend integer);
    CREATE FUNCTION public.note_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF NEW.lease_epoch <> OLD.lease_epoch THEN
            INSERT INTO public.writes VALUES ('lease', NEW.lease_owner, pg_backend_pid());
        ELSIF NEW.next_offset <> OLD.next_offset THEN
            INSERT INTO public.writes VALUES ('move', OLD.lease_owner, pg_backend_pid());
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_write AFTER UPDATE ON hpts.partitions
        FOR EACH ROW EXECUTE FUNCTION public.note_write();"""
BY_WHOM = """
    SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM public.writes AS l
        WHERE l.what = 'lease' AND l.owner = m.owner AND l.backend = m.backend))
    FROM public.writes AS m WHERE m.what = 'move'"""
"""Batches, and those whose session had not taken the lease that was in force."""


def test_a_member_that_its_coordinator_cannot_hear_is_fenced(own: OwnLedger) -> None:
    proxy = own.servers.kafka_proxy
    with psycopg.connect(own.admin_dsn) as connection:
        connection.execute(WATCH_WRITERS)
    first = own.engine(0, HPTS_KAFKA_BOOTSTRAP=own.proxied_bootstrap)
    api = own.api()
    stack = own.stack(api)
    client = Client.of(stack)
    with Payers(stack).open_loans(20) as payers:
        until(lambda: payers.known > 100, seconds=30)
        proxy.is_deaf = True
        second = own.engine(1)
        until(lambda: own.held_by(second) == 12, seconds=SESSION_S + 20, told=second.said)
        until(lambda: "fenced: rejoining" in first.said(), seconds=20, told=first.said)
        before = payers.known
        until(lambda: payers.known > before + 100, seconds=30)
        fenced = client.get("/v1/operations/status").json()["fenced_writer_count"]
        proxy.heal()
        until(lambda: own.held_by(first) == 6, seconds=30, told=first.said)
    assert proxy.answered_itself > 0
    until(lambda: own.unapplied() == 0, seconds=45)
    with psycopg.connect(own.admin_dsn) as connection:
        batches, zombies = connection.execute(BY_WHOM).fetchone() or (0, 0)
    assert batches > 0
    assert zombies == 0
    assert fenced > 0
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(client, payers.loans) == len(set(payers.acknowledged))
