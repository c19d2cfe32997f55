"""The campaign's audit bites: each kind of wrong evidence is told, and sound evidence is not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.partitioning import partition_of_loan
from tests.faults.campaign import audit
from tests.faults.campaign.told import ClientLog, Told

TENANT = uuid4()
LOAN = uuid4()
PARTITIONS = 12
PARTITION = partition_of_loan(TENANT, LOAN, PARTITIONS)


@dataclass
class Case:
    """Two payments of one loan, each sent after the answer to the one before: all is well."""

    evidence: audit.Evidence = field(default_factory=lambda: audit.Evidence(PARTITIONS))
    log: ClientLog = field(default_factory=lambda: ClientLog("a client", {}, []))

    @classmethod
    def sound(cls) -> "Case":
        case = cls()
        for number, key in enumerate(("first-key", "second-key")):
            case.add(key, offset=10 + number, began_at=float(number))
        return case

    def add(self, key: str, *, offset: int, began_at: float) -> None:
        command_id = uuid4()
        answer = {
            "status": 201,
            "code": None,
            "command_id": str(command_id),
            "position": f"{PARTITION}:{offset}",
            "at": began_at + 0.5,
            "digest": "the same",
        }
        told = Told(key, "payment", (str(LOAN),), began_at, [answer])
        self.log.commands[key] = told
        self.evidence.offsets[PARTITION, (TENANT, key)] = [offset]
        self.evidence.outcomes[TENANT, key] = [
            {
                "partition_id": PARTITION,
                "idempotency_key": key,
                "correlation_id": command_id,
                "command_type": "Payment",
                "status": "posted",
                "command_offset": offset,
                "chunks_total": None,
                "code": None,
            }
        ]

    def answer(self) -> dict[str, Any]:
        return self.log.commands["second-key"].answers[0]

    def outcome(self) -> dict[str, Any]:
        return self.evidence.outcomes[TENANT, "second-key"][0]

    def faults(self) -> list[str]:
        found = list(audit.of_outcomes(self.evidence))
        for told in self.log.commands.values():
            found += audit.of_command(told, TENANT, self.evidence)
        return found + list(audit.order_of(self.log, TENANT, PARTITIONS))


def test_sound_evidence_has_no_fault() -> None:
    assert Case.sound().faults() == []


def lose_the_outcome(case: Case) -> None:
    del case.evidence.outcomes[TENANT, "second-key"]


def lose_the_record(case: Case) -> None:
    del case.evidence.offsets[PARTITION, (TENANT, "second-key")]


def post_at_a_later_copy(case: Case) -> None:
    case.evidence.offsets[PARTITION, (TENANT, "second-key")] = [4, 11]


def post_under_another_id(case: Case) -> None:
    case.outcome()["correlation_id"] = uuid4()


def refuse_what_was_told_posted(case: Case) -> None:
    case.outcome().update(status="rejected", code="loan_not_found")


def post_twice(case: Case) -> None:
    case.evidence.outcomes[TENANT, "second-key"].append(dict(case.outcome()))


def answer_otherwise_the_second_time(case: Case) -> None:
    case.log.commands["second-key"].answers.append({**case.answer(), "digest": "another"})


def tell_another_s_position(case: Case) -> None:
    case.answer()["position"] = f"{PARTITION}:10"


def put_it_before_the_first(case: Case) -> None:
    case.answer()["position"] = f"{PARTITION}:9"
    case.outcome()["command_offset"] = 9
    case.evidence.offsets[PARTITION, (TENANT, "second-key")] = [9]


def never_answer(case: Case) -> None:
    case.log.commands["second-key"].answers.clear()


def another_tenant_s(case: Case) -> None:
    stranger: tuple[UUID, str] = (uuid4(), "second-key")
    case.evidence.outcomes[stranger] = case.evidence.outcomes.pop((TENANT, "second-key"))


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (lose_the_outcome, "was not applied"),
        (lose_the_record, "is not in the log"),
        (post_at_a_later_copy, "was applied at 11"),
        (post_under_another_id, "more than one command id"),
        (refuse_what_was_told_posted, "posted in the books: False"),
        (post_twice, "has 2 outcomes of 1"),
        (answer_otherwise_the_second_time, "answered in 2 ways"),
        (tell_another_s_position, "which is not its record"),
        (put_it_before_the_first, "after first-key at 10"),
        (never_answer, "never got an answer"),
        (another_tenant_s, "and has no outcome"),
    ],
)
def test_what_is_wrong_is_told(plant: Callable[[Case], None], sentence: str) -> None:
    case = Case.sound()
    plant(case)
    assert any(sentence in fault for fault in case.faults()), case.faults()
