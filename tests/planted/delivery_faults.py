"""E. What leaves the ledger (F65, F84)."""

from typing import Final

from tests.planted.fault import Change, Fault

PUBLISHED: Final = "tests/faults/test_journal_published.py"
WEBHOOKS: Final = "tests/deliveries/test_webhooks.py"
TARGETS: Final = "tests/security/test_webhook_targets.py"
FAN_OUT: Final = "tests/books/test_fan_out.py"
NETWORK: Final = "deliveries/webhooks/network.py"

DELIVERY_FAULTS: Final = (
    Fault(
        row="F65",
        planted="how far the journal has left is forgotten: all of it is published again",
        changes=(
            Change(
                "deliveries/journal_publisher.py",
                "        entry_seq, entry_hash = at\n",
                "        entry_seq, entry_hash = (0, None)\n",
            ),
        ),
        caught_by=(
            f"{PUBLISHED}::test_nothing_is_told_twice_by_rebuilt_books_nor_after_a_lost_cursor",
        ),
    ),
    Fault(
        row="F65",
        planted="cursors of webhooks begin anew at every start",
        changes=(
            Change(
                "deliveries/sql/ensure_cursors.sql",
                "ON CONFLICT DO NOTHING",
                "ON CONFLICT (name, partition_id) DO UPDATE SET entry_seq = 0",
            ),
            Change(
                "deliveries/sql/queue_events.sql",
                "    WHERE %(is_replay)s AND d.status <> 'pending'\n",
                "    WHERE d.status <> 'pending'\n",
            ),
        ),
        caught_by=(f"{FAN_OUT}::test_books_that_were_rebuilt_are_told_to_nobody_again",),
    ),
    Fault(
        row="F84",
        planted="a cursor moves to the end of the journal, not of what was queued",
        changes=(
            Change(
                "deliveries/webhooks/fan_out.py",
                "                entry_seqs=[through_seq for _, _, through_seq in runs],\n",
                '                entry_seqs=[row["last_entry_seq"] for row in behind],\n',
            ),
        ),
        caught_by=(f"{FAN_OUT}::test_a_backlog_is_queued_whole_in_bounded_pieces",),
    ),
    Fault(
        row="F84",
        planted="each attempt has an id of its own",
        changes=(
            Change(
                "deliveries/webhooks/dispatcher.py",
                "            webhook_id=str(event.journal_entry_id),\n",
                '            webhook_id=f"{event.journal_entry_id}/{event.tries}",\n',
            ),
        ),
        caught_by=(f"{WEBHOOKS}::test_a_redirect_is_a_failure_and_is_not_followed",),
    ),
    Fault(
        row="F84",
        planted="a loan's later events do not wait for the first",
        changes=(
            Change(
                "deliveries/sql/queue_events.sql",
                "ELSE first_line.loan_id END AS queue_id",
                "ELSE e.journal_entry_id END AS queue_id",
            ),
        ),
        caught_by=(
            f"{WEBHOOKS}::test_a_loan_s_events_wait_for_one_another_and_those_of_others_do_not",
        ),
    ),
    Fault(
        row="F84",
        planted="every endpoint is told of every tenant's entries",
        changes=(
            Change(
                "deliveries/sql/queue_events.sql",
                "    JOIN webhook_endpoints AS x ON x.tenant_id = e.tenant_id\n",
                "    JOIN webhook_endpoints AS x ON true\n",
            ),
        ),
        caught_by=(f"{FAN_OUT}::test_only_the_tenant_s_own_endpoints_are_told",),
    ),
    Fault(
        row="F84",
        planted="what is signed is not what is sent",
        changes=(
            Change(
                "deliveries/webhooks/signatures.py",
                ".encode() + body\n",
                '.encode() + body.replace(b":", b": ")\n',
            ),
        ),
        caught_by=(
            "tests/deliveries/test_event.py::"
            "test_other_people_s_libraries_take_each_of_two_secrets",
        ),
        errors=("WebhookVerificationError",),
    ),
    Fault(
        row="F84",
        planted="addresses are not judged",
        changes=(
            Change(
                NETWORK,
                "                if not is_public(address):\n",
                "                if not address:\n",
            ),
        ),
        caught_by=(f"{TARGETS}::test_no_name_leads_to_an_address_that_is_not_public[https]",),
    ),
    Fault(
        row="F84",
        planted="the name is connected to, and so looked up again",
        changes=(
            Change(
                NETWORK,
                "            addresses[0], port, timeout, local_address, socket_options\n",
                "            host, port, timeout, local_address, socket_options\n",
            ),
        ),
        caught_by=(f"{TARGETS}::test_a_name_is_looked_up_once_and_its_address_connected_to",),
    ),
    Fault(
        row="F84",
        planted="one endpoint may have everything that is under way",
        changes=(
            Change(
                "deliveries/webhooks/dispatcher.py",
                "        return 1 if endpoint_id in self._failing "
                "else self.limits.most_per_endpoint\n",
                "        return self.limits.most_at_once\n",
            ),
        ),
        caught_by=(f"{WEBHOOKS}::test_one_slow_endpoint_delays_no_other",),
    ),
)
