"""The figures of a campaign, as tables for people and as JSON for whoever records them."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from schemas import crash_points
from tests.faults.campaign.told import ClientLog
from tests.faults.campaign.watch import Fault


@dataclass
class Report:
    """What was done, what came of it, and what is wrong (nothing, if all is well)."""

    seconds: float
    faults: Sequence[Fault]
    points_hit: dict[str, int]
    commands: dict[str, Counter[str]] = field(default_factory=dict)
    records: int = 0
    duplicates: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return sum(sum(answers.values()) for answers in self.commands.values())

    @property
    def kills(self) -> int:
        return sum(fault.is_kill for fault in self.faults)

    @property
    def pauses(self) -> int:
        return sum(fault.is_pause for fault in self.faults)

    @property
    def long_pauses(self) -> list[Fault]:
        """Those in which another engine took over."""
        return [fault for fault in self.faults if fault.outlasts_session]

    @property
    def fenced(self) -> int:
        return sum(fault.is_fenced for fault in self.long_pauses)

    @property
    def points_missed(self) -> list[str]:
        return sorted(crash_points.SERVICE_POINTS.keys() - self.points_hit.keys())

    def recoveries(self) -> dict[str, list[tuple[float, bool]]]:
        """Seconds from each kind of kill to the next command posted; whether it was alone."""
        found: dict[str, list[tuple[float, bool]]] = {}
        for fault in self.faults:
            if fault.is_kill and fault.seconds is not None:
                found.setdefault(fault.kind, []).append((fault.seconds, self._is_alone(fault)))
        return found

    def _is_alone(self, fault: Fault) -> bool:
        """Whether nothing else was broken from shortly before the kill to the recovery."""
        return not any(
            other is not fault
            and other.at < (fault.until or fault.at)
            and (other.until or other.at + 30) > fault.at - 1
            for other in self.faults
        )

    def as_json(self) -> str:
        """All figures."""
        told: dict[str, Any] = {
            "seconds": round(self.seconds),
            "acknowledged": self.acknowledged,
            "commands": self.commands,
            "records": self.records,
            "records_sent_again": self.duplicates,
            "kills": self.kills,
            "pauses": self.pauses,
            "pauses_beyond_session": len(self.long_pauses),
            "fenced": self.fenced,
            "points_hit": self.points_hit,
            "faults": Counter(f"{fault.kind}: {fault.detail}" for fault in self.faults),
            "recoveries": self.recoveries(),
            "found": self.found,
        }
        return json.dumps(told, indent=1)

    def show(self, console: Console) -> None:
        """The tables."""
        console.print(self._recovery_table())
        console.print(self._command_table())
        for line in self._sentences():
            console.print(line)
        for fault in self.found:
            console.print(f"FOUND: {fault}")

    def _sentences(self) -> Iterable[str]:
        yield f"{self.seconds:.0f} s of faults, {self.acknowledged} acknowledged commands"
        yield f"{self.records} records in the log, {self.duplicates} of them sent again"
        yield f"{self.kills} kills, {self.pauses} pauses"
        yield f"{len(self.long_pauses)} pauses outlasted the session; fenced in {self.fenced}"
        hit, labelled = len(self.points_hit), len(crash_points.SERVICE_POINTS)
        yield f"{hit} of {labelled} labelled points hit; not: {self.points_missed}"
        network = Counter(f"{f.kind} {f.detail}" for f in self.faults if f.kind.startswith("net"))
        yield "; ".join(f"{what} {times}" for what, times in sorted(network.items()))
        yield f"{len(self.found)} faults found"

    def _recovery_table(self) -> Table:
        names = ("killed", "kills", "min s", "median s", "p99 s", "max s", "alone", "median", "max")
        table = Table(*names, title="from a kill to the next command posted", box=None)
        for kind, recoveries in sorted(self.recoveries().items()):
            every = sorted(seconds for seconds, _ in recoveries)
            alone = sorted(seconds for seconds, is_alone in recoveries if is_alone)
            table.add_row(kind, *_spread(every), str(len(alone)), *_middle_and_most(alone))
        return table

    def _command_table(self) -> Table:
        table = Table("event", "posted", "refused", title="acknowledged commands", box=None)
        for kind, answers in sorted(self.commands.items()):
            table.add_row(kind, str(answers["posted"]), str(answers["refused"]))
        return table


def count_commands(logs: Iterable[ClientLog]) -> dict[str, Counter[str]]:
    """How many commands of each kind were posted and refused, as their clients know."""
    counted: dict[str, Counter[str]] = {}
    for log in logs:
        for told in log.commands.values():
            if told.final is not None:
                word = "posted" if told.final["status"] in (200, 201) else "refused"
                counted.setdefault(told.kind, Counter())[word] += 1
    return counted


def settle_ingress(faults: Iterable[Fault], logs: Iterable[ClientLog]) -> None:
    """When ingress was back after each kill: the first command accepted that was sent since."""
    accepted = sorted(
        (answer["since"], answer["at"])
        for log in logs
        for told in log.commands.values()
        for answer in told.answers
        if answer["status"] in (201, 202)
    )
    for fault in faults:
        if fault.kind == "ingress" and fault.is_kill:
            later = [at for since, at in accepted if fault.at <= since < fault.at + 60]
            fault.until = min(later, default=None)


def _spread(ordered: Sequence[float]) -> list[str]:
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    shown = (ordered[0], median(ordered), p99, ordered[-1])
    return [str(len(ordered)), *(f"{seconds:.2f}" for seconds in shown)]


def _middle_and_most(ordered: Sequence[float]) -> list[str]:
    return [f"{median(ordered):.2f}", f"{ordered[-1]:.2f}"] if ordered else ["", ""]
