"""`python -m console`: the operator's pages, until SIGTERM or Ctrl-C."""

import signal
import sys
from typing import Final

import uvicorn
from pydantic import ValidationError

from console.app import create
from console.settings import Settings

GRACE_S: Final = 2


def main() -> int:
    """Exit status: 0 stopped as asked, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        for fault in error.errors():
            name = "HPTS_" + "_".join(str(part) for part in fault["loc"]).upper()
            print(f"{name}: {fault['msg']}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in order, then raises the signal again.
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.run(
        create(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",  # at "info" it would name the sockets of the pages, which are theirs
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
