"""A. Between a client and the log: F01 to F16."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.noticed_by import (
    CERTAINTY,
    FAITHFUL,
    IDEMPOTENCY,
    NO_ANSWER,
    ONE_KEY,
    PRODUCERS,
    PUBLISHER,
    SEEDS,
    WORKER,
)

INGRESS_FAULTS: Final = (
    Fault(
        row="F01",
        planted="the engine does not look whether a command's key has an outcome already",
        changes=(
            Change(
                "posting_engine/batch.py",
                "    known = case.earlier.get(key)\n",
                "    known = None if key else case.earlier.get(key)\n",
            ),
        ),
        caught_by=(SEEDS,),
    ),
    Fault(
        row="F02",
        planted="a delivery timeout counts as certainly not written, and gives the key back",
        changes=(
            Change(
                "ingress_api/broker.py",
                "        KafkaError._PURGE_QUEUE,\n",
                "        KafkaError._PURGE_QUEUE,\n        KafkaError._MSG_TIMED_OUT,\n",
            ),
        ),
        caught_by=(
            NO_ANSWER,
            CERTAINTY,
        ),
        errors=("NotSent",),
    ),
    Fault(
        row="F03",
        planted="nobody is told of the producer's fatal error, so the process lives on",
        changes=(
            Change(
                "ingress_api/publisher.py",
                "            self._loop.call_soon_threadsafe(self._give_up, reason)\n",
                "            del reason\n",
            ),
        ),
        caught_by=(f"{PUBLISHER}::test_after_a_fatal_error_nothing_is_sent",),
    ),
    Fault(
        row="F03",
        planted="commands are still taken after the producer's fatal error",
        changes=(
            Change(
                "ingress_api/publisher.py",
                "        if self.fatal is not None:\n            raise NotSent(self.fatal)\n",
                "",
            ),
        ),
        caught_by=(f"{PUBLISHER}::test_after_a_fatal_error_nothing_is_sent",),
        errors=("DeliveryUnknown",),
    ),
    Fault(
        row="F04",
        planted="a command counts as in the log before the broker has said so",
        changes=(
            Change(
                "ingress_api/publisher.py",
                '        crash_point("ingress-produced")\n',
                '        crash_point("ingress-produced")\n'
                "        if not acknowledged.done():\n            return 0\n",
            ),
        ),
        caught_by=(NO_ANSWER,),
    ),
    Fault(
        row="F05",
        planted="what was counted for a request that ends in an error stays counted",
        changes=(
            Change(
                "schemas/in_flight.py",
                "        try:\n            yield\n        finally:\n            self._total -= 1\n",
                "        yield\n        if self._total:\n            self._total -= 1\n",
            ),
        ),
        caught_by=(
            "tests/edges/test_ingress_limits.py"
            "::test_what_ends_in_an_error_or_is_cancelled_is_counted_no_more",
        ),
    ),
    Fault(
        row="F06",
        planted="a fingerprint is over the members in the order that they were sent in",
        changes=(
            Change(
                "schemas/fingerprints.py",
                "json.dumps(values, sort_keys=True, ",
                "json.dumps(values, ",
            ),
        ),
        caught_by=(
            "tests/edges/test_ingress_fingerprints.py::test_spelling_does_not_change_a_fingerprint",
            "tests/edges/test_ingress_fingerprints.py::test_a_fingerprint_is_the_same_for_ever",
        ),
    ),
    Fault(
        row="F06",
        planted="a key that is taken is answered whatever payload comes with it",
        changes=(
            Change(
                "ingress_api/intake.py",
                "        if holder.fingerprint != request.fingerprint:\n",
                "        if not holder.fingerprint:\n",
            ),
            Change(
                "ingress_api/unanswered.py",
                "    if any(outcome.fingerprint != fingerprint for outcome in outcomes):\n",
                "    if any(not outcome.fingerprint for outcome in outcomes):\n",
            ),
        ),
        caught_by=(f"{IDEMPOTENCY}::test_another_payload_under_the_same_key_is_422",),
    ),
    Fault(
        row="F07",
        planted="whoever asks for a key is told that it is its own",
        changes=(
            Change(
                "ingress_api/sql/reserve.sql",
                "ON CONFLICT DO NOTHING\n",
                "ON CONFLICT (tenant_id, idempotency_key) DO UPDATE SET sent_at = "
                "excluded.sent_at\n",
            ),
        ),
        caught_by=(f"{IDEMPOTENCY}::test_64_copies_at_once_post_once",),
    ),
    Fault(
        row="F08",
        planted="a key is promised once for each partition, not once",
        changes=(
            Change(
                "schemas/sql/0002_edge.sql",
                "    PRIMARY KEY (tenant_id, idempotency_key)\n",
                "    PRIMARY KEY (tenant_id, idempotency_key, partition_id)\n",
            ),
        ),
        caught_by=(f"{ONE_KEY}::test_one_key_for_two_loans_posts_to_one_of_them",),
    ),
    Fault(
        row="F09",
        planted="the engine knows a key for a day only",
        changes=(
            Change(
                "posting_engine/sql/load_outcomes.sql",
                "        AND c.idempotency_key = u.idempotency_key\n",
                "        AND c.idempotency_key = u.idempotency_key\n"
                "        AND c.posted_at > now() - interval '24 hours'\n",
            ),
        ),
        caught_by=(f"{FAITHFUL}::test_the_same_log_leaves_the_same_rows",),
    ),
    Fault(
        row="F09",
        planted="ingress knows a key for a day only",
        changes=(
            Change(
                "ingress_api/sql/find_reservation.sql",
                "WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s;",
                "WHERE tenant_id = %(tenant_id)s AND idempotency_key = %(idempotency_key)s\n"
                "  AND accepted_at > clock_timestamp() - interval '24 hours';",
            ),
        ),
        caught_by=(f"{ONE_KEY}::test_a_key_is_known_after_400_days",),
    ),
    Fault(
        row="F10",
        planted="a command is looked up by its id, whosever it is",
        changes=(
            Change(
                "ingress_api/sql/find_reservation_of_command.sql",
                "WHERE tenant_id = %(tenant_id)s AND command_id = %(command_id)s;",
                "WHERE %(tenant_id)s::uuid IS NOT NULL AND command_id = %(command_id)s;",
            ),
        ),
        caught_by=(f"{IDEMPOTENCY}::test_another_tenants_command_is_as_none",),
    ),
    Fault(
        row="F11",
        planted="the engine takes a command from whatever partition it is in",
        changes=(
            Change(
                "posting_engine/records.py",
                "    if place_of(command, partition_count)[0] != partition_id:\n",
                "    if place_of(command, partition_count)[0] >= partition_count:\n",
            ),
        ),
        caught_by=(f"{WORKER}::test_a_signed_command_in_another_partition_is_a_dead_letter",),
    ),
    Fault(
        row="F12",
        planted="partitions that were added to the topic are no reason to stop",
        changes=(
            Change(
                "schemas/topic_policy.py",
                "    if found.partition_count != pinned.partition_count:\n",
                "    if found.partition_count < pinned.partition_count:\n",
            ),
        ),
        caught_by=("tests/contracts/test_topic_identity.py::test_any_other_count_is_another_log",),
    ),
    Fault(
        row="F13",
        planted="a record that is too large is not known to be certainly not written",
        changes=(Change("ingress_api/broker.py", "        KafkaError.MSG_SIZE_TOO_LARGE,\n", ""),),
        caught_by=(CERTAINTY,),
    ),
    Fault(
        row="F13",
        planted="a body is read to its end however large it is",
        changes=(
            Change(
                "ingress_api/exchange.py",
                "            if size > most_bytes:\n",
                "            if size > 1_000 * most_bytes:\n",
            ),
        ),
        caught_by=("tests/edges/test_ingress_exchange.py::test_a_body_has_its_limit_and_no_more",),
    ),
    Fault(
        row="F14",
        planted="ingress waits for the leader alone",
        changes=(
            Change(
                "ingress_api/broker.py",
                '            "acks": "all",\n',
                '            "acks": "1",\n',
            ),
        ),
        caught_by=(PRODUCERS,),
    ),
    Fault(
        row="F14",
        planted="a topic may elect a leader that lacks what was acknowledged",
        changes=(
            Change(
                "schemas/topic_policy.py",
                '        settings["unclean.leader.election.enable"] = "false"\n',
                "",
            ),
        ),
        caught_by=("tests/local/test_provision.py::test_a_weaker_setting_is_refused_by_name",),
    ),
    Fault(
        row="F15",
        planted="the engine's producer lets the broker make a topic that is not there",
        changes=(
            Change(
                "posting_engine/client_settings.py",
                '    "enable.idempotence": True,\n    "allow.auto.create.topics": False,\n',
                '    "enable.idempotence": True,\n',
            ),
        ),
        caught_by=(PRODUCERS,),
    ),
    Fault(
        row="F16",
        planted="it is enough that a signature names a key of the ring",
        changes=(
            Change(
                "posting_engine/records.py",
                "    if not signing.is_signed(header, record.value, ring):\n",
                "    if signing.key_id_of(header) not in ring:\n",
            ),
        ),
        caught_by=(
            f"{WORKER}::test_a_key_under_another_keys_name_is_unsigned",
            f"{WORKER}::test_a_value_changed_in_any_byte_after_signing_is_unsigned",
        ),
    ),
)
