"""What the supervisor does with a child that lives and is of no use."""

import sys
from pathlib import Path

from hpts.local.processes import Hangs
from hpts.local.supervisor import Child, Supervisor


def test_a_child_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
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
    supervisor = Supervisor(tmp_path, lambda _pids: None)
    try:
        supervisor.start([sleeper], seconds=30)
        assert supervisor.pids() == {"sleeper": [asked[-1]]}
        assert len(set(asked)) == 2
    finally:
        supervisor.stop()
    told = (tmp_path / "logs" / "sleeper.log").read_text(encoding="utf-8")
    assert "sleeper hangs: it does not coordinate" in told
