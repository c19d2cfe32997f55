"""What the supervisor does with a child that lives and is of no use."""

import multiprocessing
import sys
from pathlib import Path

from hpts.local.processes import Hangs
from hpts.local.supervisor import Child, Supervisor


def supervise_what_hangs_once(folder: Path) -> None:
    asked: list[int] = []

    def is_ready(pid: int) -> bool:
        asked.append(pid)
        if pid == asked[0]:
            raise Hangs("it does not coordinate")
        return True

    sleeper = Child(
        name="sleeper",
        kinds=("sleeper",),
        command=lambda: [sys.executable, "-c", "import time; time.sleep(600)"],
        environment=dict,
        is_ready=is_ready,
        stage=0,
    )
    supervisor = Supervisor(folder, lambda _pids: None)
    try:
        supervisor.start([sleeper], seconds=30)
        assert supervisor.pids() == {"sleeper": [asked[-1]]}
        assert len(set(asked)) == 2
    finally:
        supervisor.stop()


def test_a_child_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    """In a process of its own: a supervisor ends every child of its process, the tests' servers,
    too."""
    (tmp_path / "logs").mkdir()
    spawning = multiprocessing.get_context("spawn")
    alone = spawning.Process(target=supervise_what_hangs_once, args=(tmp_path,))
    alone.start()
    alone.join(60)
    assert alone.exitcode == 0
    told = (tmp_path / "logs" / "sleeper.log").read_text(encoding="utf-8")
    assert "sleeper hangs: it does not coordinate" in told
