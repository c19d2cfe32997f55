"""The SDK against the running stack: a loan's life, sync and async, and answers that get lost."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hpts_client import (
    AsyncClient,
    Certificate,
    Client,
    Connection,
    Credentials,
    NoConnection,
    Patience,
    Refused,
    Unreachable,
    connection,
)
from hpts_client import queries as q
from hpts_client.events import AccrualBatch, AccruedLoan, Disbursement, Fee, Payment, Reversal
from tests.faults.fault_proxy import FaultProxy

Stack = dict[str, Any]
JAN_5, FEB_2 = date(2026, 1, 5), date(2026, 2, 2)
SOON = Patience(give_up_after_s=20.0)


@pytest.fixture
def ledger(stack: Stack, stack_dir: Path) -> Iterator[Client]:
    assert stack
    with Client.of(connection(stack_dir, environment={}), SOON) as client:
        yield client


def disbursement(loan_id: UUID, amount_minor: int = 1_000_00) -> Disbursement:
    return Disbursement(
        loan_id=loan_id,
        borrower_id=loan_id,
        amount_minor=amount_minor,
        currency="USD",
        method="ach",
        effective_at=JAN_5,
        metadata={"channel": "null"},
    )


def payment(loan_id: UUID, amount_minor: int) -> Payment:
    return Payment(
        loan_id=loan_id,
        borrower_id=loan_id,
        amount_minor=amount_minor,
        currency="USD",
        source_method="ach",
        effective_at=FEB_2,
    )


def fee(loan_id: UUID) -> Fee:
    return Fee(
        loan_id=loan_id, amount_minor=5_00, currency="USD", fee_type="late", effective_at=FEB_2
    )


def test_a_loan_s_life_is_typed_and_reads_see_what_was_posted(ledger: Client) -> None:
    loan_id, program_id = uuid4(), uuid4()
    ledger.post(disbursement(loan_id), f"disbursement:{loan_id}")
    night = AccrualBatch(
        program_id=program_id,
        accrual_date=date(2026, 1, 31),
        day_count_convention="ACT_365",
        currency="USD",
        loans=[
            AccruedLoan(loan_id=loan_id, outstanding_principal_minor=1_000_00, interest_minor=8_22),
            AccruedLoan(loan_id=uuid4(), outstanding_principal_minor=1_000_00, interest_minor=1),
        ],
    )
    accrued = ledger.wait(ledger.submit(night, f"accrual:{program_id}"))
    assert (accrued.loan_count, accrued.rejected_count, accrued.total_accrued_minor) == (1, 1, 822)
    rejections = ledger.items(q.RejectionsOf(accrual_event_id=accrued.accrual_event_id))
    assert [one.code for one in rejections] == ["loan_not_found"]

    tried = ledger.dry_run(payment(loan_id, 108_22))
    assert (tried.dry_run, tried.allocation.interest_minor) == (True, 8_22)
    paid = ledger.post(payment(loan_id, 108_22), f"payment:{loan_id}")
    assert (paid.dry_run, paid.balance.principal_outstanding_minor) == (False, 900_00)
    assert ledger.get(q.BalanceOf(loan_id=loan_id)).total_exposure_minor == 900_00
    before = ledger.get(q.BalanceOf(loan_id=loan_id, as_of_date=date(2026, 1, 31)))
    assert before.interest_receivable_minor == 8_22

    entries = list(ledger.items(q.JournalOf(loan_id=loan_id, page_size=1)))
    assert [one.event_type for one in entries] == ["disbursement", "accrual", "payment_received"]
    assert entries[0].metadata == {"channel": "null"}
    assert [line.amount_minor for line in entries[2].lines] == [108_22, 8_22, 100_00]
    whole = list(ledger.items(q.LinesOf(journal_entry_id=entries[2].journal_entry_id)))
    assert whole == entries[2].lines
    period = {"from_date": JAN_5, "to_date": FEB_2}
    statement = ledger.get(q.StatementOf(loan_id=loan_id, **period))
    assert statement.closing_balance.total_exposure_minor == 900_00
    assert "<html" in ledger.get(q.StatementPage(loan_id=loan_id, **period))
    assert "payment_received" in ledger.get(q.StatementTable(loan_id=loan_id, **period))


def test_every_other_read_is_understood(ledger: Client) -> None:
    assert {one.account_code for one in ledger.get(q.Accounts()).items} >= {"1000", "5300"}
    for total in ledger.get(q.TrialBalanceOf()).totals:
        assert total.dr_balance_minor == total.cr_balance_minor
    cash = ledger.get(q.AccountBalanceOf(account_code="1000", currency="USD"))
    assert cash.normal_balance_minor == cash.dr_balance_minor - cash.cr_balance_minor
    status = ledger.get(q.OperationsStatusOf())
    assert len(status.partitions) == 12
    assert ledger.get(q.LiveOf()).status
    assert ledger.get(q.ReadyOf()).status
    for listing in (q.Loans(), q.Periods(), q.Quarantine(), q.DeadLetters(), q.Journal()):
        for _ in zip(range(3), ledger.items(listing), strict=False):
            pass


def test_a_refusal_says_what_is_wrong(ledger: Client) -> None:
    with pytest.raises(Refused) as raised:
        ledger.post(fee(uuid4()), f"fee:{uuid4()}")
    assert (raised.value.code, raised.value.status) == ("loan_not_found", 422)
    assert raised.value.trace_id
    assert raised.value.command_id
    with pytest.raises(Refused) as raised:
        ledger.post(disbursement(uuid4(), 0), "short")
    assert raised.value.code == "idempotency_key_invalid"


def through(stack: Stack, stack_dir: Path) -> tuple[FaultProxy, Connection]:
    place = urlsplit(stack["api_url"])
    proxy = FaultProxy((place.hostname or "", place.port or 0))
    direct = connection(stack_dir, environment={})
    return proxy, Connection(f"http://127.0.0.1:{proxy.port}", direct.credentials)


@pytest.mark.parametrize("cut_before", [False, True], ids=["answer lost", "request lost"])
def test_a_retry_after_a_lost_answer_posts_once(
    stack: Stack, stack_dir: Path, ledger: Client, cut_before: bool
) -> None:
    loan_id = uuid4()
    ledger.post(disbursement(loan_id), f"disbursement:{loan_id}")
    proxy, where = through(stack, stack_dir)
    key = f"payment:{loan_id}"
    proxy.cut_after, proxy.cut_before = key.encode(), cut_before
    try:
        with Client.of(where, Patience(give_up_after_s=2.0)) as client:
            with pytest.raises(Unreachable):
                client.post(payment(loan_id, 100_00), key)
            assert proxy.cuts > 2
            proxy.cut_after = None
            paid = client.post(payment(loan_id, 100_00), key)
    finally:
        proxy.close()
    assert paid.balance.principal_outstanding_minor == 900_00
    kinds = [one.event_type for one in ledger.items(q.JournalOf(loan_id=loan_id))]
    assert kinds == ["disbursement", "payment_received"]


def test_many_tasks_share_one_client(stack: Stack, stack_dir: Path) -> None:
    assert stack
    loans = [uuid4() for _ in range(20)]

    async def live(client: AsyncClient, loan_id: UUID) -> int:
        await client.post(disbursement(loan_id), f"disbursement:{loan_id}")
        fees = [client.post(fee(loan_id), f"fee:{loan_id}") for _ in range(2)]  # one key: one fee
        await asyncio.gather(*fees)
        submitted = await client.submit(payment(loan_id, 5_00), f"payment:{loan_id}")
        await client.wait(submitted)
        [entry] = [
            one
            async for one in client.items(q.JournalOf(loan_id=loan_id, event_type="fee_assessed"))
        ]
        reversal = Reversal(
            reverses_entry_id=entry.journal_entry_id,
            reason_code="error_correction",
            reason_description="charged by mistake",
            effective_at=FEB_2,
        )
        undone = await client.post(reversal, f"reversal:{loan_id}")
        assert undone.moved_to_suspense_minor == 5_00
        balance = await client.get(q.BalanceOf(loan_id=loan_id))
        return balance.suspense_minor

    async def all_of_them() -> list[int]:
        where = connection(stack_dir, environment={})
        async with AsyncClient.of(where, SOON) as client:
            return await asyncio.gather(*(live(client, one) for one in loans))

    assert asyncio.run(all_of_them()) == [5_00] * len(loans)


def test_where_the_ledger_is_comes_from_variables_or_a_running_stack(
    stack: Stack, stack_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoConnection, match="nothing runs on"):
        connection(tmp_path, environment={})
    with pytest.raises(NoConnection, match="these may: tenant-a"):
        connection(stack_dir, "nobody", environment={})
    with pytest.raises(NoConnection, match="set HPTS_TOKEN_URL, HPTS_CLIENT_SECRET, too"):
        connection(environment={"HPTS_API_URL": "http://h", "HPTS_CLIENT_ID": "me"})
    given = {
        "HPTS_API_URL": "https://h",
        "HPTS_TOKEN_URL": "https://i",
        "HPTS_CLIENT_ID": "me",
        "HPTS_CLIENT_SECRET": "s",
        "HPTS_CLIENT_CERT": "c.pem",
        "HPTS_CLIENT_KEY": "k.pem",
    }
    found = connection(tmp_path, environment=given)
    assert (found.api_url, found.certificate) == ("https://h", Certificate("c.pem", "k.pem"))
    assert "secret" not in repr(Credentials("u", "i", "secret"))
    wrong = Credentials(stack["token_url"], "tenant-a", "not it")
    with Client(stack["api_url"], wrong) as client, pytest.raises(Refused, match="invalid_client"):
        client.get(q.Accounts())


class Listener(BaseHTTPRequestHandler):
    """Answers with the subject of the certificate that the handshake proved."""

    def do_GET(self) -> None:
        subject = self.connection.getpeercert()["subject"]  # type: ignore[attr-defined]
        body = f'{{"status": "{subject[0][0][1]}", "version": "1", "git_sha": "x"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def certificate(folder: Path, name: str) -> Certificate:
    """A certificate that vouches for itself, for this machine's address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(cert_file, key_file)


def test_a_partner_shows_its_certificate_and_trusts_only_its_authority(tmp_path: Path) -> None:
    own, partner = certificate(tmp_path, "server"), certificate(tmp_path, "partner")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(partner.cert_file))
    context.load_cert_chain(own.cert_file, own.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), Listener)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_address[1]}"
    known = Certificate(partner.cert_file, partner.key_file, own.cert_file)
    try:
        with Client(url, None, certificate=known) as client:
            assert client.get(q.LiveOf()).status == "partner"
        for other in (partner, None):
            impatient = Patience(give_up_after_s=0.0)
            with (
                Client(url, None, certificate=other, patience=impatient) as client,
                pytest.raises(Unreachable),
            ):
                client.get(q.LiveOf())
    finally:
        server.shutdown()
        server.server_close()


README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
SAMPLES = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
PRINTED = (
    "10000\n90000\ndisbursement [100000, 100000]\npayment_received [10000, 10000]\n",
    "500000\n",
    "disbursement\n",
    "loan_not_found []\n",
    "payment_received\nno signature is ours: is it the secret of this endpoint?\n",
)


@pytest.mark.parametrize(("sample", "printed"), list(zip(SAMPLES, PRINTED, strict=True)))
def test_the_readme_s_samples_run(
    stack: Stack,
    stack_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sample: str,
    printed: str,
) -> None:
    assert stack
    monkeypatch.setenv("HPTS_DATA_DIR", str(stack_dir))
    exec(compile(sample, "README.md", "exec"), {"__name__": "sample"})
    assert capsys.readouterr().out == printed
