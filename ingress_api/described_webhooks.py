"""Webhook endpoints as the OpenAPI describes them, with an example of each request and answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingress_api import webhook_members
from ingress_api.described_answers import PROBLEMS_OF_GET, named, problem, success
from ingress_api.result_schemas import (
    COUNT,
    ID,
    INSTANT,
    TEXT,
    list_of,
    object_of,
    or_null,
    ref,
)
from schemas import http_headers, scopes
from schemas.event_types import EVENT_TYPES

_ENDPOINT_ID: Final = "7b6f0a52-3c0e-4a57-9f0c-52a0b7d1c2e4"
_ENTRY_ID: Final = "01a20e3f-63d8-8009-a4da-86692d649f8b"
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwcGJzYWxwbGU="
_AT: Final = "2026-02-02T08:00:00.250000Z"

_ENDPOINT: Final = {
    "webhook_endpoint_id": ID,
    "url": TEXT,
    "event_types": or_null(list_of({"enum": list(EVENT_TYPES)})),
    "description": or_null(TEXT),
    "status": {"enum": ["enabled", "disabled"]},
    "disabled_because": or_null(TEXT),
    "created_at": INSTANT,
}
_ATTEMPT: Final = {
    "attempted_at": INSTANT,
    "status_code": or_null(COUNT),
    "error": or_null(TEXT),
    "duration_ms": COUNT,
}
_DELIVERY: Final = {
    "journal_entry_id": ID,
    "event_type": {"enum": list(EVENT_TYPES)},
    "occurred_at": INSTANT,
    "correlation_id": ID,
    "status": {"enum": ["pending", "delivered", "exhausted", "dropped"]},
    "queued_at": INSTANT,
    "finished_at": or_null(INSTANT),
    "next_attempt_at": or_null(INSTANT),
    "attempts": list_of(object_of(_ATTEMPT)),
}


def _page_of(item: str) -> dict[str, Any]:
    members = {"items": list_of(ref(item)), "next_page_token": TEXT}
    return object_of(members, optional=("next_page_token",))


_REQUESTS: Final = {
    "WebhookEndpointRequest": webhook_members.endpoint(frozenset()),
    "WebhookSecretRotationRequest": webhook_members.NOTHING,
    "WebhookReplayRequest": webhook_members.REPLAY,
}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    **{name: body.schema() for name, body in _REQUESTS.items()},
    "WebhookEndpoint": object_of(_ENDPOINT),
    "WebhookEndpointPage": _page_of("WebhookEndpoint"),
    "WebhookEndpointResult": object_of({**_ENDPOINT, "secret": TEXT}, optional=("secret",)),
    "WebhookSecretRotationResult": object_of(
        {"webhook_endpoint_id": ID, "previous_secret_until": INSTANT, "secret": TEXT},
        optional=("secret",),
    ),
    "WebhookReplayResult": object_of(
        {
            "webhook_replay_id": ID,
            "webhook_endpoint_id": ID,
            "from": INSTANT,
            "requested_at": INSTANT,
        }
    ),
    "WebhookDelivery": object_of(_DELIVERY),
    "WebhookDeliveryPage": _page_of("WebhookDelivery"),
}
_OF_ENDPOINT: Final = {
    "webhook_endpoint_id": _ENDPOINT_ID,
    "url": "https://receiver.example/hpts",
    "event_types": ["payment_received", "payment_returned"],
    "description": "payments to the servicing system",
    "status": "enabled",
    "disabled_because": None,
    "created_at": _AT,
}
_OF_DELIVERY: Final = {
    "journal_entry_id": _ENTRY_ID,
    "event_type": "payment_received",
    "occurred_at": _AT,
    "correlation_id": "01a20e3f-63d8-8009-9c4e-e60c38a5cab9",
    "status": "delivered",
    "queued_at": _AT,
    "finished_at": "2026-02-02T08:00:05.600000Z",
    "next_attempt_at": None,
    "attempts": [
        {
            "attempted_at": "2026-02-02T08:00:00.300000Z",
            "status_code": None,
            "error": "no answer within 15 s",
            "duration_ms": 15000,
        },
        {
            "attempted_at": "2026-02-02T08:00:20.500000Z",
            "status_code": 200,
            "error": None,
            "duration_ms": 41,
        },
    ],
}
EXAMPLES: Final[dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "WebhookEndpoint": (
        {name: _OF_ENDPOINT[name] for name in ("url", "event_types", "description")},
        {**_OF_ENDPOINT, "secret": _SECRET},
    ),
    "WebhookSecretRotation": (
        {},
        {
            "webhook_endpoint_id": _ENDPOINT_ID,
            "previous_secret_until": "2026-02-03T08:00:00.250000Z",
            "secret": _SECRET,
        },
    ),
    "WebhookReplay": (
        {"from": "2026-02-01T00:00:00Z"},
        {
            "webhook_replay_id": "5d8f2a70-71f5-4a43-8d52-0f6f8f8b3c11",
            "webhook_endpoint_id": _ENDPOINT_ID,
            "from": "2026-02-01T00:00:00.000000Z",
            "requested_at": _AT,
        },
    ),
}
"""Name of a POST -> its example's body and answer."""
_PROBLEMS_OF_POST: Final = ("400", "401", "403", "404", "413", "415", "422", "429", "503")
_PATH: Final = "/v1/webhook-endpoints"
_IN_PATH: Final = {"name": "webhook_endpoint_id", "in": "path", "required": True, "schema": ID}
_ONE: Final = f"{_PATH}/{{webhook_endpoint_id}}"


def _post(name: str, summary: str, *, has_id: bool = True) -> dict[str, Any]:
    body, answered = EXAMPLES[name]
    result = f"{name}Result"
    answers = {
        "200": success(result, ("Idempotency-Replayed",)),
        "201": success(result, ("Location",), {"done": answered}),
    }
    answers["200"]["description"] = "As it was answered before, without the secret"
    answers["201"]["description"] = "Done. A secret is shown here alone"
    return {
        "summary": summary,
        "operationId": f"post{name}",
        "security": [{"oauth2": [scopes.WEBHOOKS_WRITE]}],
        "parameters": [
            *([_IN_PATH] if has_id else []),
            *http_headers.parameters("Idempotency-Key", "traceparent", "X-Trace-Id"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref(f"{name}Request"), **named({"some": body})}
            },
        },
        "responses": answers | {one: problem(one, {}) for one in _PROBLEMS_OF_POST},
    }


def _get(
    result: str, summary: str, example: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    in_header = http_headers.parameters("traceparent", "X-Trace-Id")
    return {
        "summary": summary,
        "operationId": f"get{result}",
        "security": [{"oauth2": [scopes.WEBHOOKS_READ]}],
        "parameters": [*(dict(parameter) for parameter in parameters), *in_header],
        "responses": {"200": success(result, (), {"now": example})}
        | {status: problem(status, {}) for status in PROBLEMS_OF_GET},
    }


def _delete() -> dict[str, Any]:
    in_header = http_headers.parameters("traceparent", "X-Trace-Id")
    gone = {"description": "Deleted", "headers": http_headers.told()}
    return {
        "summary": "Delete an endpoint, and what is known of it",
        "operationId": "deleteWebhookEndpoint",
        "security": [{"oauth2": [scopes.WEBHOOKS_WRITE]}],
        "parameters": [_IN_PATH, *in_header],
        "responses": {"204": gone} | {status: problem(status, {}) for status in PROBLEMS_OF_GET},
    }


def paths(paging: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The operations by path; `paging`: the parameters of a listing."""
    return {
        _PATH: {
            "post": _post("WebhookEndpoint", "Make a webhook endpoint", has_id=False),
            "get": _get(
                "WebhookEndpointPage",
                "The webhook endpoints, in the order of their ids",
                {"items": [_OF_ENDPOINT]},
                paging,
            ),
        },
        _ONE: {
            "get": _get("WebhookEndpoint", "A webhook endpoint", _OF_ENDPOINT, [_IN_PATH]),
            "delete": _delete(),
        },
        f"{_ONE}/rotate-secret": {
            "post": _post(
                "WebhookSecretRotation", "Replace an endpoint's secret; for a day both sign"
            )
        },
        f"{_ONE}/replays": {
            "post": _post("WebhookReplay", "Tell again what was posted since an instant")
        },
        f"{_ONE}/deliveries": {
            "get": _get(
                "WebhookDeliveryPage",
                "What an endpoint was told, with every attempt, by entry id",
                {"items": [_OF_DELIVERY]},
                [_IN_PATH, *paging],
            )
        },
    }
