"""Accrual batches over HTTP: the file is streamed, accepted (202), and followed until it is done.

The same key again converges on one batch, so whatever is interrupted here is mended by doing it
again.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from hpts_client.errors import Refused, Stalled, Unreachable, document_of
from hpts_client.exchange import Conversation, Credentials, Patience
from hpts_client.messages import NoAnswer, Request
from hpts_client.queries import GivenAt
from hpts_client.transport import Blocking

__all__ = ["BatchClient", "Credentials", "Refused", "Stalled", "Unreachable"]

LINES: Final = "application/x-ndjson"
DOCUMENT: Final = "application/json"
GIVE_UP_AFTER_S: Final = 300.0
_TIMEOUT_S: Final = 120.0
_ASK_EVERY_S: Final = 0.2
_ASK_AT_LEAST_EVERY_S: Final = 1.0
_IN_PROGRESS: Final = "idempotency_in_progress"
_NOT_NOW: Final = 429
_SERVER_ERRORS: Final = 500


class BatchClient:
    """Posts batches for one OAuth client."""

    def __init__(self, api_url: str, credentials: Credentials) -> None:
        self._transport = Blocking(api_url, timeout_s=_TIMEOUT_S)
        self._talk = Conversation(credentials, Patience(give_up_after_s=0.0))

    def post(self, body: Iterable[bytes], media_type: str, idempotency_key: str) -> str:
        """Stream a batch; the accrual event's id, once the ledger has accepted it for good.

        Raises `Refused` or `Unreachable`; after the latter it may or may not be accepted.
        """
        headers = {
            "Content-Type": media_type,
            "Idempotency-Key": idempotency_key,
            "Prefer": "respond-async",
            # A stream cannot be sent again; the token lasts for some minutes at least.
            "Authorization": f"Bearer {self._transport.run(self._talk.token())}",
        }
        request = Request("POST", "/accruals/batch", headers=headers)
        try:
            answer = self._transport.stream(request, body)
        except NoAnswer as error:
            raise Unreachable(str(error)) from error
        accepted = document_of(answer.body)
        if not answer.is_success:
            refused = Refused.of(accepted, answer.status)
            if answer.status == _NOT_NOW or answer.status >= _SERVER_ERRORS:
                raise Unreachable(str(refused))
            accepted = self._known(refused)
        return str(accepted["accrual_event_id"])

    def follow(
        self,
        accrual_event_id: str,
        on_progress: Callable[[dict[str, Any]], None],
        *,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> dict[str, Any]:
        """`GET /accruals/{id}` until the batch is done; its last answer.

        Raises `Refused`; and `Unreachable` or `Stalled` after so long without any news.
        """
        patience = _Patience(give_up_after_s)
        chunks_done = -1
        while True:
            try:
                progress = self._get(f"/accruals/{accrual_event_id}")
            except Unreachable:
                if patience.is_over:
                    raise
            else:
                on_progress(progress)
                if progress["status"] != "posting":
                    return progress
                if progress["chunks_done"] != chunks_done:
                    chunks_done = progress["chunks_done"]
                    patience.renew()
                elif patience.is_over:
                    raise Stalled(
                        f"{chunks_done} of {progress['chunks_total']} chunks have posted, and none "
                        f"for {give_up_after_s:.0f} s. Is an engine running, does a chunk wait for "
                        "an operator (`hpts quarantine list`), or was the key used with --kafka?"
                    )
            patience.pause()

    def _known(self, refused: Refused) -> dict[str, Any]:
        """What the key stands for already: another run's batch, or one of which nothing posted."""
        document = dict(refused.document)
        patience = _Patience(GIVE_UP_AFTER_S)
        while refused.code == _IN_PROGRESS and "command_id" in document:
            state = self._get(f"/commands/{document['command_id']}")
            if state["status"] in ("posted", "rejected"):
                document = state.get("result") or state["problem"]
                break
            if patience.is_over:
                raise Stalled(f"the batch that has the key is {state['status']}")
            patience.pause()
        if "accrual_event_id" in document:
            return document
        raise refused

    def rejections(self, accrual_event_id: str) -> Iterable[dict[str, Any]]:
        """Every loan that could not accrue, page after page."""
        path = f"/accruals/{accrual_event_id}/rejections"
        parameters = {"page_size": "500"}
        while True:
            page = self._get(path, parameters)
            yield from page["items"]
            if "next_page_token" not in page:
                return
            parameters["page_token"] = page["next_page_token"]

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        return self._transport.run(self._talk.get(GivenAt(to=path, more=parameters or {})))


class _Patience:
    """How long there has been no news, and how long to wait before asking again."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._heard_at = self._asked_at = time.monotonic()

    def renew(self) -> None:
        """There is news."""
        self._heard_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether to go on asking is in vain."""
        return time.monotonic() - self._heard_at > self._most_s

    def pause(self) -> None:
        """Wait, and longer where an answer takes long: it is a sum over all chunks so far."""
        took_s = time.monotonic() - self._asked_at
        time.sleep(min(max(4 * took_s, _ASK_EVERY_S), _ASK_AT_LEAST_EVERY_S))
        self._asked_at = time.monotonic()
