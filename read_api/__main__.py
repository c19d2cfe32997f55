"""`python -m read_api`: the read edge alone, until SIGTERM or Ctrl-C."""

import logging
import signal
import sys
from typing import Final

import structlog
from pydantic import ValidationError

from read_api.app import create
from read_api.settings import Settings
from schemas.observing import serve_metrics
from schemas.partners.listener import serve

GRACE_S: Final = 3


def main() -> int:
    """Exit status: 0 stopped as asked, 2 the settings are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
        app = create(settings)
    except (ValidationError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    _configure_logs(settings.log_level)
    serve_metrics(settings, lambda why: structlog.get_logger().error("no metrics", reason=why))
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in order, then raises the signal again.
        signal.signal(signal_number, lambda *_: sys.exit(0))
    return serve(
        app,
        settings,
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,  # a stream would go on for as long as its token
    )


def _configure_logs(level: str) -> None:
    """JSON lines on stderr, ours and the server's alike."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=processors
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper())


if __name__ == "__main__":
    sys.exit(main())
