"""A client of the running stack for tests: tokens, keys and the few bodies they share."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx

UNKNOWN_ID: Final = "7f0a1c2e-5b3d-4e6f-8a9b-0c1d2e3f4a5b"
"""Nothing's id; always the same, since it is part of tests' names."""


@dataclass(frozen=True)
class Client:
    """One OAuth client of one tenant, over real HTTP."""

    http: httpx.Client
    token: str

    @classmethod
    def of(cls, stack: dict[str, Any], number: int = 0) -> "Client":
        """The stack's client by its place in `local.json`: 0 and 1 are tenants with every scope."""
        registered = stack["clients"][number]
        answer = httpx.post(
            stack["token_url"],
            data={"grant_type": "client_credentials"},
            auth=(registered["client_id"], registered["client_secret"]),
        )
        answer.raise_for_status()
        return cls(
            httpx.Client(base_url=stack["api_url"], timeout=70), answer.json()["access_token"]
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.get(path, headers=self._headers(headers))

    def post(
        self,
        path: str,
        body: dict[str, Any],
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        chosen = {"Idempotency-Key": key or f"test:{uuid4()}", **(headers or {})}
        return self.http.post(path, json=body, headers=self._headers(chosen))

    def open_loan(self, *, amount_minor: str) -> dict[str, str]:
        """A loan with one disbursement; its loan_id and borrower_id."""
        loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
        body = {
            **loan,
            "amount_minor": amount_minor,
            "currency": "USD",
            "effective_at": "2026-01-05",
            "method": "ach",
        }
        answer = self.post("/v1/disbursements", body)
        assert answer.status_code == 201, answer.text
        return loan

    def pay(self, loan: dict[str, str], *, amount_minor: str) -> dict[str, Any]:
        """A payment that must post; its answer."""
        body = {
            **loan,
            "amount_minor": amount_minor,
            "currency": "USD",
            "effective_at": "2026-02-02",
            "source_method": "ach",
        }
        answer = self.post("/v1/payments", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def reverse(self, entry_id: str, *, key: str | None = None) -> httpx.Response:
        body = {
            "reverses_entry_id": entry_id,
            "reason_code": "error_correction",
            "reason_description": "a test",
            "effective_at": "2026-03-01",
        }
        return self.post("/v1/reversals", body, key=key)

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **(more or {})}
