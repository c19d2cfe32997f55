"""`python -m tests.faults.campaign`: a fault campaign, its figures, and what the audit found.

Exit status 0: nothing lost, doubled, misordered, unbalanced or leaked. 1: something was found;
the folder with all data and logs is then kept, and named.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from hpts.local.postgres import PostgresServer
from tests.faults.campaign.injector import LANES
from tests.faults.campaign.run import Plan, campaign


def main() -> int:
    """Parse, run, show."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = float(os.environ.get("FAULTS_SECONDS") or 540)
    parser.add_argument("--seconds", type=float, default=default, help="of faults")
    parser.add_argument("--clients", type=int, default=96)
    parser.add_argument("--rate", type=float, default=350, help="commands a second, at most")
    parser.add_argument("--commands-per-fault", type=int, default=250)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--lanes", nargs="+", choices=LANES, default=LANES, help="only these")
    parser.add_argument("--json", type=Path, help="write all figures there, too")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hpts-campaign-"))
    folder.chmod(0o755)  # another user's Postgres lives below
    print(f"seed {arguments.seed}, folder {folder}", file=sys.stderr, flush=True)
    plan = Plan(
        folder=folder,
        seconds=arguments.seconds,
        clients=arguments.clients,
        rate=arguments.rate,
        commands_per_fault=arguments.commands_per_fault,
        seed=arguments.seed,
        lanes=tuple(arguments.lanes),
    )
    # Started with nohup or in the background, it is stopped by SIGTERM; then, too, all ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = asyncio.run(campaign(plan))
    report.show(Console(width=110, highlight=False, markup=False))
    if arguments.json is not None:
        arguments.json.write_text(report.as_json(), encoding="utf-8")
    if report.found:
        print(f"kept: {folder}", file=sys.stderr)
        return 1
    discard(folder)
    return 0


def discard(folder: Path) -> None:
    """Remove a campaign's folder, and the cluster wherever it lies."""
    PostgresServer(folder / "servers").discard()
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
