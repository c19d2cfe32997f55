"""What the clients do about an answer, told as a script: what is sent, and what comes back."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from hpts_client import (
    Credentials,
    NoConnection,
    Patience,
    Refused,
    Stalled,
    Unreachable,
    connection,
)
from hpts_client.events import Fee
from hpts_client.exchange import Conversation
from hpts_client.messages import Answer, Exchange, NoAnswer, Pause, Request
from hpts_client.queries import BalanceOf, Periods

LOAN = UUID(int=7)
FEE = Fee(
    loan_id=LOAN,
    amount_minor=25_00,
    currency="USD",
    fee_type="late",
    effective_at=date(2026, 2, 1),
)
BALANCE = {
    "loan_id": str(LOAN),
    "currency": "USD",
    "as_of_date": "2026-02-01",
    "principal_outstanding_minor": "0",
    "interest_receivable_minor": "0",
    "fees_receivable_minor": "2500",
    "total_exposure_minor": "2500",
    "suspense_minor": "0",
    "status": "active",
    "borrower_id": str(LOAN),
    "last_activity_at": None,
}
RESULT = {
    "fee_event_id": str(LOAN),
    "journal_entry_id": str(LOAN),
    "correlation_id": str(LOAN),
    "posted_at": "2026-02-01T00:00:00.000000Z",
    "balance": BALANCE,
}
Script = list[Answer | NoAnswer]


def answer(status: int, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps(body).encode())


def problem(status: int, code: str, **headers: str) -> Answer:
    return answer(status, {"code": code, "detail": "so it is", "trace_id": "abc"}, **headers)


TOKEN = answer(200, {"access_token": "t1", "expires_in": 1000})


class Played:
    """An exchange driven by a script, on a clock that only pauses move."""

    def __init__(self, *, reads_own_writes: bool = True, give_up_after_s: float = 60.0) -> None:
        self.now_s = 0.0
        self.sent: list[Request] = []
        self.pauses: list[float] = []
        self.talk = Conversation(
            Credentials("https://issuer/token", "me", "secret"),
            Patience(give_up_after_s=give_up_after_s),
            reads_own_writes=reads_own_writes,
            clock=lambda: self.now_s,
            chance=lambda: 0.0,
        )

    def run(self, exchange: Exchange[Any], script: Script) -> Any:
        left = iter(script)
        try:
            step = next(exchange)
            while True:
                if isinstance(step, Pause):
                    self.pauses.append(step.seconds)
                    self.now_s += step.seconds
                    step = exchange.send(None)
                    continue
                self.sent.append(step.request)
                told = next(left)
                step = exchange.throw(told) if isinstance(told, NoAnswer) else exchange.send(told)
        except StopIteration as done:
            assert next(left, None) is None, "the script goes on"
            return done.value

    def keys(self) -> list[str | None]:
        return [one.headers.get("Idempotency-Key") for one in self.sent if one.method == "POST"]


@pytest.mark.parametrize(
    "first",
    [
        NoAnswer("cut"),
        problem(503, "outcome_unknown", retry_after="1"),
        problem(503, "overloaded"),
        problem(429, "rate_limited", retry_after="1"),
        problem(409, "idempotency_in_progress", retry_after="1"),
        Answer(502, {}, b"<html>a proxy's page</html>"),
        Answer(500, {}, b"<html>a proxy's page</html>"),
        Answer(408, {}, b""),
        Answer(520, {}, b"the origin's answer was cut"),
    ],
)
def test_what_may_pass_is_sent_again_with_the_same_key_and_body(first: Answer | NoAnswer) -> None:
    played = Played()
    result = played.run(
        played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, first, answer(201, RESULT)]
    )
    assert result.balance.fees_receivable_minor == 25_00
    one, other = played.sent[1:]
    assert (one, one.headers["Idempotency-Key"]) == (other, "fee:loan_7:2026")
    is_asked_for = isinstance(first, Answer) and "retry-after" in first.headers
    assert played.pauses == [1.0 if is_asked_for else 0.1]


@pytest.mark.parametrize(
    ("status", "code"),
    [(422, "loan_not_found"), (422, "idempotency_mismatch"), (403, "insufficient_scope")],
)
def test_a_refusal_is_raised_at_once_with_all_that_it_says(status: int, code: str) -> None:
    played = Played()
    with pytest.raises(Refused) as raised:
        played.run(played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, problem(status, code)])
    told = raised.value
    assert (told.code, told.status, told.trace_id, told.errors) == (code, status, "abc", ())
    assert played.pauses == []


@pytest.mark.parametrize("status", [500, 520, 502])
def test_an_error_of_a_server_is_never_final(status: int) -> None:
    """Whoever failed may have failed after the command was taken."""
    played = Played(give_up_after_s=1.0)
    with pytest.raises(Unreachable):
        played.run(
            played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, *[Answer(status, {}, b"<html>")] * 4]
        )


GARBAGE = [b"<html>sign in to this network</html>", b"", b"\xff\x00", b"[]", b"{}"]


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_that_is_not_the_apis_leaves_the_outcome_unknown(
    status: int, body: bytes
) -> None:
    played = Played()
    with pytest.raises(Unreachable, match="not this API's"):
        played.run(played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, Answer(status, {}, body)])


@pytest.mark.parametrize("body", GARBAGE)
def test_a_page_that_is_not_the_apis_is_not_the_last_one(body: bytes) -> None:
    played = Played()
    with pytest.raises(Unreachable, match="not this API's"):
        played.run(played.talk.page(Periods(), None), [TOKEN, Answer(200, {}, body)])


@pytest.mark.parametrize("body", GARBAGE)
def test_an_issuer_that_answers_without_a_token_is_asked_again(body: bytes) -> None:
    played = Played()
    script = [Answer(200, {}, body), TOKEN, answer(200, BALANCE)]
    assert played.run(played.talk.get(BalanceOf(loan_id=LOAN)), script).loan_id == LOAN


@pytest.mark.parametrize("errors", [None, "no", ["no"], [{"message": "no"}]])
def test_a_refusal_by_somebody_between_is_told_in_whatever_form(errors: Any) -> None:
    played = Played()
    with pytest.raises(Refused) as raised:
        played.run(
            played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, answer(403, {"errors": errors})]
        )
    assert raised.value.status == 403


@pytest.mark.parametrize(
    "key", ["short", "fee:loan 7:2026", "fee:loan_7:2026\n", "fee:loan_é:2026"]
)
def test_a_key_that_no_ledger_takes_is_refused_before_anything_is_sent(key: str) -> None:
    played = Played()
    with pytest.raises(Refused, match="idempotency_key_invalid"):
        played.run(played.talk.post(FEE, key), [])
    assert played.sent == []


def test_faults_of_the_body_are_told_one_by_one() -> None:
    errors = [{"field": "/currency", "code": "currency_unknown", "message": "is none"}]
    refused = answer(422, {"code": "validation_failed", "detail": "it", "errors": errors})
    played = Played()
    with pytest.raises(Refused) as raised:
        played.run(played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, refused])
    assert raised.value.faults == ["/currency: is none"]


def test_pauses_double_up_to_the_longest_and_end_in_unreachable() -> None:
    played = Played(give_up_after_s=20.0)
    with pytest.raises(Unreachable, match="overloaded"):
        played.run(
            played.talk.post(FEE, "fee:loan_7:2026"),
            [TOKEN, *[problem(503, "overloaded")] * 9],
        )
    assert played.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_token_is_kept_renewed_early_and_used_on_while_the_issuer_is_away() -> None:
    played = Played()
    get = lambda: played.talk.get(BalanceOf(loan_id=LOAN))  # noqa: E731
    played.run(get(), [TOKEN, answer(200, BALANCE)])
    played.now_s = 899
    played.run(get(), [answer(200, BALANCE)])
    played.now_s = 901
    played.run(get(), [NoAnswer("the issuer is away"), answer(200, BALANCE)])
    second = answer(200, {"access_token": "t2", "expires_in": 1000})
    played.run(get(), [second, answer(200, BALANCE)])
    bearers = [one.headers["Authorization"] for one in played.sent if one.method == "GET"]
    assert bearers == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


def test_an_expired_token_is_renewed_once() -> None:
    played = Played()
    expired = problem(401, "token_expired")
    script = [TOKEN, expired, TOKEN, answer(200, BALANCE)]
    played.run(played.talk.get(BalanceOf(loan_id=LOAN)), script)
    with pytest.raises(Refused, match="token_expired"):
        played.run(played.talk.get(BalanceOf(loan_id=LOAN)), [expired, TOKEN, expired])


PENDING = answer(
    202,
    {"command_id": str(LOAN), "status": "pending"},
    location=f"/v1/commands/{LOAN}",
    hpts_position="3:17",
)


def state(**members: Any) -> Answer:
    return answer(200, {"command_id": str(LOAN), **members})


def test_a_202_is_followed_to_its_result() -> None:
    played = Played()
    posted = state(status="posted", result=RESULT)
    script = [TOKEN, PENDING, state(status="pending"), posted, posted]
    result = played.run(played.talk.post(FEE, "fee:loan_7:2026"), script)
    assert result.fee_event_id == LOAN
    assert {one.url for one in played.sent[2:]} == {f"/commands/{LOAN}"}


def test_a_202_may_take_an_hour() -> None:
    played = Played(give_up_after_s=3_600.0)
    posted = state(status="posted", result=RESULT)
    token = answer(200, {"access_token": "t1", "expires_in": 10_000})
    script = [token, PENDING, *[state(status="pending")] * 1_200, posted, posted]
    assert played.run(played.talk.post(FEE, "fee:loan_7:2026"), script).fee_event_id == LOAN
    assert max(played.pauses) == 1.0


def test_a_202_that_is_refused_later_is_a_refusal() -> None:
    played = Played()
    rejected = state(
        status="rejected", problem={"code": "loan_closed", "detail": "it is", "status": 422}
    )
    with pytest.raises(Refused, match="loan_closed"):
        played.run(played.talk.post(FEE, "fee:loan_7:2026"), [TOKEN, PENDING, rejected, rejected])


@pytest.mark.parametrize(
    ("status", "answers"), [("quarantined", 1), ("pending", 21)], ids=["quarantined", "pending"]
)
def test_what_does_not_become_known_is_stalled_and_names_the_command(
    status: str, answers: int
) -> None:
    played = Played(give_up_after_s=18.0)
    with pytest.raises(Stalled) as raised:
        played.run(
            played.talk.post(FEE, "fee:loan_7:2026"),
            [TOKEN, PENDING, *[state(status=status)] * answers],
        )
    assert (raised.value.command_id, raised.value.status) == (str(LOAN), status)


def test_reads_wait_for_what_this_client_has_posted_unless_told_not_to() -> None:
    for reads_own_writes, wanted in ((True, "3:20,5:1"), (False, None)):
        played = Played(reads_own_writes=reads_own_writes)
        for position in ("3:20", "5:1,3:19"):
            posted = answer(201, RESULT, hpts_position=position)
            script = [posted] if played.sent else [TOKEN, posted]
            key = "fee:" + position.replace(",", ".")
            played.run(played.talk.post(FEE, key), script)
        played.run(played.talk.get(BalanceOf(loan_id=LOAN)), [answer(200, BALANCE)])
        assert played.sent[-1].headers.get("HPTS-Min-Position") == wanted


def test_a_page_names_the_next_one() -> None:
    played = Played()
    month = {"period": "2026-01", "status": "open", "closed_at": None}
    page = answer(200, {"items": [month], "next_page_token": "more"})
    items, token = played.run(played.talk.page(Periods(page_size=1), None), [TOKEN, page])
    assert ([one.period for one in items], token) == (["2026-01"], "more")
    last = answer(200, {"items": []})
    assert played.run(played.talk.page(Periods(page_size=1), token), [last]) == ([], None)
    assert played.sent[-1].parameters == {"page_size": "1", "page_token": "more"}


@pytest.mark.parametrize("spoil", [lambda fee: fee | {"amount_minor": 1.5}])
def test_no_float_is_ever_sent(spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    with pytest.raises(TypeError, match="no float"):
        Fee(**spoil(vars(FEE))).body()


@pytest.mark.parametrize("name", ["HPTS_API_URL", "HPTS_TOKEN_URL"])
def test_an_address_without_a_scheme_is_told_at_once(name: str) -> None:
    told = {
        "HPTS_API_URL": "https://ledger",
        "HPTS_TOKEN_URL": "https://issuer/token",
        "HPTS_CLIENT_ID": "me",
        "HPTS_CLIENT_SECRET": "secret",
    }
    with pytest.raises(NoConnection, match=name):
        connection(environment=told | {name: "ledger:8080"})
