"""What every service tells of itself, and where: metrics for Prometheus, traces for OpenTelemetry.

    ObservingSettings   the `HPTS_*` variables of it; every service's settings begin with them
    serve_metrics       the page that Prometheus reads, on a port of the process's own

Which metrics there are is each service's own `metrics` module. Nothing here may stand in the way of
a command: a port that is taken is reported, and the service runs on without the page.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from prometheus_client import disable_created_metrics, start_http_server
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""The upper bounds by which durations are counted, from a fast read to the longest wait."""


class ObservingSettings(BaseSettings):
    """What is told of a process while it runs. Off unless it is set."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where Prometheus reads this process's metrics, at `/metrics`. Unset: nowhere."""
    metrics_host: str = "127.0.0.1"
    """The address of that port. It has no password: never one that strangers reach."""
    traces_url: str | None = None
    """Where OTLP traces are sent over HTTP (`http://collector:4318/v1/traces`). Needs `hpts[otel]`;
    unset: nowhere.
    """
    traces_ratio: float = Field(default=0.0, ge=0, le=1)
    """The share of traces that is sent although their sender did not ask for it. Give every service
    the same: it is chosen by the trace's id.
    """

    @field_validator("traces_url")
    @classmethod
    def _can_be_sent(cls, url: str | None) -> str | None:
        if url is not None and find_spec("opentelemetry") is None:
            raise ValueError("traces need more packages: pip install 'hpts[otel]'")
        return url


def serve_metrics(settings: ObservingSettings, on_error: Callable[[str], object]) -> None:
    """Serve this process's metrics, if it is told to, from a thread that ends with it."""
    if settings.metrics_port is None:
        return
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more of each counter
    try:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    except OSError as error:
        on_error(f"{settings.metrics_host}:{settings.metrics_port}: {error}")
