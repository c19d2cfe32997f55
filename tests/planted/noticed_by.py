"""Tests that notice several faults, each by its node id, or the module that they are in."""

from typing import Final

SETTINGS: Final = "tests/contracts/test_client_settings.py"
CONSUMER: Final = f"{SETTINGS}::test_the_engine_reads_as_it_must"
PRODUCERS: Final = f"{SETTINGS}::test_both_producers_wait_for_every_replica_and_make_no_topic"
SESSION: Final = f"{SETTINGS}::test_the_engine_s_session_commits_durably"

PUBLISHER: Final = "tests/edges/test_ingress_publisher.py"
CERTAINTY: Final = f"{PUBLISHER}::test_only_what_was_certainly_not_written_gives_the_key_back"
NO_ANSWER: Final = f"{PUBLISHER}::test_a_record_that_no_broker_takes_in_time_is_unknown_not_failed"
IDEMPOTENCY: Final = "tests/edges/test_ingress_idempotency.py"
ONE_KEY: Final = "tests/edges/test_ingress_one_key.py"

WORKER: Final = "tests/books/test_worker.py"
FENCING: Final = "tests/books/test_fencing.py"
QUARANTINE: Final = "tests/books/test_quarantine.py"
PASSING: Final = "tests/books/test_passing_faults.py::test_what_passes_is_no_fault_of_the_data"
LEASES: Final = "tests/faults/test_leases.py"
FAITHFUL: Final = "tests/simulation/test_faithful.py"
DAMAGED: Final = (
    "tests/simulation/test_damaged_log.py::test_a_damaged_log_halts_its_partition_alone"
)
SEEDS: Final = (
    "tests/simulation/test_planted.py::test_without_a_planted_bug_the_same_seeds_are_sound"
)
MANY_SEEDS: Final = (
    "tests/simulation/test_simulation.py::test_no_seed_loses_doubles_or_misorders_anything"
)
"""Where the few seeds before it are not enough."""

_PARTNERS: Final = "tests/security/test_partners.py"
_CERTIFICATES: Final = "tests/security/test_partner_certificates.py"
_SMUGGLING: Final = "tests/security/test_partner_smuggling.py"
THE_DIAGONAL: Final = f"{_PARTNERS}::test_only_the_diagonal_of_tokens_and_certificates_passes"
EITHER_LISTENER: Final = f"{_PARTNERS}::test_each_listener_refuses_the_tokens_of_the_other"
KEPT_OPEN: Final = f"{_CERTIFICATES}::test_a_connection_outlives_its_certificate_but_lets_nobody_in"
REVOKED: Final = (
    f"{_CERTIFICATES}::test_a_revoked_certificate_is_refused_at_the_next_request_of_its_connection"
)
THE_PROXY: Final = f"{_SMUGGLING}::test_from_the_proxy_one_header_in_its_one_spelling"
NOT_THE_PROXY: Final = f"{_SMUGGLING}::test_from_anybody_else_no_header_says_who_is_calling"
