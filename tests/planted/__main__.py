"""`python -m tests.planted [ROW...]`: plant the faults of the catalogue; do the tests bite?

    --list   what is planted for each row and which tests are to notice it; runs nothing
    --told   what each test said, too

Exit status: 0 every fault was caught; 1 one was not, or a test fails while nothing is planted;
2 a row or option that is not known.
"""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from tests.planted.copied_tree import copied
from tests.planted.fault import Fault
from tests.planted.planting import HEAD, come_of, unsound
from tests.planted.rows import DO_NOT_APPLY, FAULTS, ROWS

OPTIONS = {"--list", "--told"}


def main(arguments: Sequence[str]) -> int:
    """Plant the rows named, or all."""
    rows = [argument for argument in arguments if not argument.startswith("--")]
    options = set(arguments) - set(rows)
    if unknown := sorted((set(rows) - set(ROWS)) | (options - OPTIONS)):
        print(f"not known: {', '.join(unknown)}\n\n{__doc__}", file=sys.stderr)
        return 2
    chosen = [fault for fault in FAULTS if not rows or fault.row in rows]
    left_out = {row: why for row, why in DO_NOT_APPLY.items() if not rows or row in rows}
    if "--list" in options:
        print("\n".join(_listed(chosen)))
        print(_why_left_out(left_out))
        return 0
    return _plant(chosen, left_out, is_told="--told" in options)


def _plant(chosen: Sequence[Fault], left_out: Mapping[str, str], *, is_told: bool) -> int:
    begun = time.monotonic()
    with copied() as tree:
        print(f"{len(chosen)} faults; first their tests while nothing is planted", flush=True)
        if told := unsound(tree, chosen):
            print(told)
            return 1
        sound_s = time.monotonic() - begun
        print(f"passed in {sound_s:.0f} s\n\n{HEAD}", flush=True)
        results = []
        for fault in chosen:
            results.append(come_of(tree, fault))
            print(results[-1].line(), flush=True)
        started = tree.started()
    print(f"\n{_why_left_out(left_out)}")
    if is_told:
        print("\n".join(f"{one.fault.row}: {one.told}" for one in results))
    processes = ", ".join(f"{count} {name}" for name, count in started.most_common())
    print(f"\nprocesses that ran from the copy: {processes}\n")
    missed = [result for result in results if not result.caught_by]
    print(
        f"{len(results)} faults planted, {len(results) - len(missed)} caught, {len(missed)} not; "
        f"{time.monotonic() - begun:.0f} s, {sound_s:.0f} of them while nothing was planted"
    )
    return 1 if missed else 0


def _listed(chosen: Iterable[Fault]) -> list[str]:
    return [
        f"{fault.row}  {fault.planted}\n"
        + "".join(f"       in {change.file}\n" for change in fault.changes)
        + "\n".join(f"       noticed by {test}" for test in fault.caught_by)
        for fault in chosen
    ]


def _why_left_out(left_out: Mapping[str, str]) -> str:
    return "\n".join(f"{row} does not apply: {why}." for row, why in left_out.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
