"""The deliveries of a ledger of the test's own."""

from typing import Any

from hpts.local import ports
from tests.faults.own_ledger import READY_WITHIN_S, OwnLedger, Service, answer_of, until


def deliveries(
    own: OwnLedger, *, is_ready: bool = True, through_proxy: bool = False, **more: str
) -> Service:
    """Start them; unless told otherwise, wait until they are ready."""
    port = ports.free_port()
    settings = {
        "HPTS_DELIVERIES_PORT": str(port),
        "HPTS_HOST": ports.HOST,
        "HPTS_KAFKA_BOOTSTRAP": own.proxied_bootstrap if through_proxy else own.bootstrap,
        "HPTS_DELIVERIES_POSTGRES_DSN": own.dsn_of("hpts_deliveries", through_proxy=through_proxy),
        "HPTS_PROFILE": "local",
        **more,
    }
    service = own._start("deliveries", "deliveries", settings)
    service.url = f"http://{ports.HOST}:{port}"
    if is_ready:
        until(lambda: health(service)[0] == 200, seconds=READY_WITHIN_S, told=service.said)
    return service


def health(service: Service) -> tuple[int, dict[str, Any]]:
    """Status and body of readiness."""
    return answer_of(f"{service.url}/health/ready")
