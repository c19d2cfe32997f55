"""Run the write edge alone: `python -m ingress_api`, settings from `HPTS_*` variables."""

import logging
import signal
import sys

import structlog
from pydantic import ValidationError

from ingress_api.app import create
from ingress_api.settings import Settings
from schemas.observing import serve_metrics
from schemas.partners.listener import serve


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then, 2 for faulty settings (all are named)."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        for fault in error.errors():
            name = "HPTS_" + "_".join(str(part) for part in fault["loc"]).upper()
            sys.stderr.write(f"{name}: {fault['msg']}\n")
        return 2
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    serve_metrics(settings, lambda why: structlog.get_logger().error("no metrics", reason=why))
    # uvicorn raises the signal that ended it once more when all is closed; by then it has done
    # its work, and the exit is a clean one.
    signal.signal(signal.SIGTERM, lambda *_: None)
    return serve(
        create(settings),
        settings,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    sys.exit(main())
