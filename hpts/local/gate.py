"""`python -m hpts.local.gate MODULE`: import a service, then run it once the gate is opened.

Importing is most of a service's start, so the supervisor keeps one such process waiting for each
service: when the service is killed, the spare has only to connect. One byte on standard input
opens the gate; its end, which is the supervisor's, ends the spare. The service itself knows of
nothing: it reads its settings and starts its threads only after the gate.
"""

import sys
from importlib import import_module
from importlib.util import find_spec


def main(name: str) -> int:
    """Import, wait, run `main()` of a module (or of a package's `__main__`); its exit status."""
    spec = find_spec(name)
    is_package = spec is not None and spec.submodule_search_locations is not None
    service = import_module(f"{name}.__main__" if is_package else name)
    if not sys.stdin.buffer.read(1):
        return 0
    status: int = service.main()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
