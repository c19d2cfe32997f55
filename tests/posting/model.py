"""The books as the specification has them: every fact, and what the rulebook says comes next."""

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

from posting_engine.posting.accrual import Share
from schemas import commands as c
from tests.posting import rulebook
from tests.posting.rulebook import Rule
from tests.posting.standing import CASH, SETTLED, Fact, Key, Life


class Model:
    """What stands, by loan, entry, part and event. `closed`: (partition, tenant) -> last day."""

    def __init__(self) -> None:
        self.lives: dict[Key, Life] = {}
        self.reserved: dict[Key, str] = {}
        self.all: list[tuple[UUID, Fact]] = []
        self.facts: dict[tuple[UUID, UUID, int], list[Fact]] = {}
        self.events: dict[tuple[UUID, UUID], Fact] = {}
        self.closed: dict[tuple[int, UUID], date] = {}
        self.today = date.min

    def judge(self, command: c.AnyCommand, partition: int) -> str | Fact:
        """The code of the refusal, or the fact that posts."""
        return self._first(rulebook.RULES[type(command)](self, command, partition))

    def judge_share(self, chunk: c.AccrualChunk, share: Share) -> str | Fact:
        """The same for one loan of a chunk."""
        return self._first(rulebook.accrual_of(self, chunk, share))

    def judge_undoing(self, share: Fact, day: date) -> str | Fact:
        """The same for one loan of an accrual that is to be reversed."""
        return self._first(rulebook.accrual_undone(self, share, day))

    def _first(self, rule: Rule) -> str | Fact:
        while True:
            try:
                code = next(rule)
            except StopIteration as posts:
                fact: Fact = posts.value
                break
            if code:
                return str(code)
        if fact.life is not None and fact.life.passes_the_largest_balance(fact):
            return "balance_out_of_range"
        return fact

    def alive(self, tenant_id: UUID, loan_id: UUID | None) -> Life | None:
        """The loan, unless it is cancelled."""
        if loan_id is None:
            return None
        life = self.lives.get((tenant_id, loan_id))
        return None if life is None or life.status == "cancelled" else life

    def in_reach(self, life: Life | None) -> bool:
        """Whether it is a loan's present life."""
        return life is not None and self.alive(*life.key) is life

    def shares(self, tenant_id: UUID, entry_id: UUID) -> list[Fact]:
        """The loans of an accrual; none where the entry is something else."""
        facts = self.facts.get((tenant_id, entry_id, 0), [])
        return [fact for fact in facts if fact.kind == "accrual"]

    def enter(self, command: c.AnyCommand, fact: Fact, entry_id: UUID, partition: int) -> None:
        """Take in a fact that was posted as an entry, or as part of one."""
        fact.partition = partition
        if fact.life is not None:
            self.lives[fact.life.key] = fact.life
            fact.life.enter(fact)
        part = c.PART_OF_STEP.get(type(command), 0)
        self.facts.setdefault((command.tenant_id, entry_id, part), []).append(fact)
        self.all.append((command.tenant_id, fact))
        if fact.settles is not None:
            fact.settles.settled += fact.amount
        if fact.undoes is not None:
            fact.undoes.reversed_by = entry_id
            self._undo(fact.undoes)

    def _undo(self, was: Fact) -> None:
        if was.settles is not None:
            was.settles.settled -= was.amount
        life = was.life
        if was.kind == "accrual" and life is not None and life.accrued_through == was.day:
            days = [one.day for one in life.standing("accrual")]
            life.accrued_through = max([*days, *([life.floor] if life.floor else [])], default=None)

    def reserve(self, command: Any) -> None:
        """What a refinance's steps do to the new loan's id."""
        key = (command.tenant_id, getattr(command, "new_loan_id", None))
        root = command.idempotency_key.split("/")[0]
        if isinstance(command, c.Refinance):
            self.reserved[key] = root
        elif isinstance(command, c.RefinanceOpening | c.RefinanceRelease):
            reserved_by = self.reserved.pop(key)
            assert reserved_by == root

    def cash(self) -> Counter[str]:
        """What came in less what went out, of all that stands, by currency."""
        sides = {"payment": 1, "recovery": 1, "settlement": -1}
        total: Counter[str] = Counter()
        for _, fact in self.all:
            if fact.stands and fact.kind in sides and fact.life is not None:
                total[fact.life.currency] += sides[fact.kind] * fact.amount
            elif fact.stands and fact.kind in ("adjustment", "opening adjustment"):
                for (side, code, currency, layer), amount in fact.everything.items():
                    if (code, layer) == (CASH, SETTLED):
                        total[currency] += amount if side == "DR" else -amount
        return total
