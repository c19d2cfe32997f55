"""Many seeds, until their number or the time is up; the first that is not sound ends it."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.run import Run, simulate

SECONDS: Final = float(os.environ.get("SIMULATE_SECONDS", "60"))
SEEDS: Final = int(os.environ.get("SIMULATE_SEEDS", "0"))
"""How many seeds at most; 0: as many as the time allows."""

FIRST: Final = int(os.environ.get("SIMULATE_FIRST", "0"))
"""The first seed. Another one looks where nobody has looked before."""


@dataclass
class Campaign:
    """What came of the seeds from `first` on."""

    first: int
    seeds: int = 0
    seconds: float = 0.0
    commands: int = 0
    entries: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    failed: Run | None = None

    def add(self, run: Run) -> None:
        """Count a run."""
        self.seeds += 1
        self.injected += run.injected
        self.answers += run.answers
        if run.server is not None:
            self.commands += len(run.server.tables["command_outcomes"])
            self.entries += len(run.server.tables["journal_entries"])
        if run.faults:
            self.failed = run

    def table(self) -> str:
        """What was injected and what the engines said, for people."""
        return "\n".join(
            [
                f"seeds {self.first} to {self.first + self.seeds - 1} in {self.seconds:.0f} s: "
                f"{self.commands} commands decided, {self.entries} entries posted",
                *(f"{count:9}  {kind}" for kind, count in sorted(self.injected.items())),
                *(f"{count:9}  client: {answer}" for answer, count in sorted(self.answers.items())),
            ]
        )


def campaign(first: int = FIRST, seeds: int = SEEDS, seconds: float = SECONDS) -> Campaign:
    """Run seeds; by default what the environment says."""
    done = Campaign(first)
    begun = time.monotonic()
    while done.failed is None:
        done.seconds = time.monotonic() - begun
        if done.seconds >= seconds or (seeds and done.seeds >= seeds):
            break
        done.add(simulate(first + done.seeds))
    return done
