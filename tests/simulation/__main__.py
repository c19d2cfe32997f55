"""`python -m tests.simulation`: seeds until the time is up; with a seed, that one and its trace."""

import sys

from tests.simulation.campaign import campaign
from tests.simulation.run import simulate


def main(arguments: list[str]) -> int:
    """Exit status: 0 all sound, 1 a seed is not."""
    if arguments:
        run = simulate(int(arguments[0]))
        print(*run.happened, sep="\n")
        print(f"seed {run.seed}: {run.faults or 'sound'}")
        return 1 if run.faults else 0
    done = campaign()
    print(done.table())
    if done.failed is not None:
        print(done.failed.report())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
