"""`hpts accrue` as an accrual job runs it: what it posts, what it says, and its exit status."""

import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hpts.provision import PARTITIONS
from schemas.partitioning import partition_of_loan
from tests.edges.lending import tenant_of
from tests.edges.test_ingress_streams import being_read
from tests.http import Client
from tests.local_stack import HPTS, hpts

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


class File:
    """A batch as a file, of some loans that exist and some that do not."""

    def __init__(self, folder: Path, client: Client, *, good: int, bad: int = 0) -> None:
        self.loans = [client.open_loan(amount_minor="100000")["loan_id"] for _ in range(good)]
        self._listed = [*self.loans, *(str(uuid4()) for _ in range(bad))]
        self.header: dict[str, Any] = {
            "program_id": str(uuid4()),
            "accrual_date": "2026-01-31",
            "day_count_convention": "ACT_365",
            "currency": "USD",
        }
        self._folder, self.document = folder, folder / "batch.json"
        self.lines = self.written(self._listed)
        self.document.write_text(json.dumps(self.header | {"loans": items(self._listed)}))

    def written(self, listed: list[str]) -> Path:
        """Lines with the same terms and these loans."""
        path = self._folder / f"{uuid4()}.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in (self.header, *items(listed))))
        return path

    @property
    def key(self) -> str:
        return f"accrual:{self.header['program_id']}:2026-01-31"

    def interest(self, client: Client) -> list[str]:
        return [
            client.get(f"/v1/loans/{one}/balance").json()["interest_receivable_minor"]
            for one in self.loans
        ]


def items(listed: list[str]) -> list[dict[str, str]]:
    return [
        {
            "loan_id": loan_id,
            "outstanding_principal_minor": "100000",
            "interest_minor": str(number + 1),
        }
        for number, loan_id in enumerate(listed)
    ]


def accrue(
    stack_dir: Path, file: Path | str, *more: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    command = [*HPTS, "accrue", str(file), "--data-dir", str(stack_dir), *more]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("way", ["--kafka", "http"])
def test_a_batch_is_posted_once_however_often_the_job_runs(
    stack_dir: Path, client: Client, tmp_path: Path, way: str
) -> None:
    file = File(tmp_path, client, good=4)
    named = (file.lines, "--kafka") if way == "--kafka" else (file.lines,)
    told = []
    for _ in range(2):
        ran = accrue(stack_dir, *named, "--json")
        assert ran.returncode == 0, ran.stderr
        told.append(json.loads(ran.stdout))
    for one in told:
        assert (one["loan_count"], one["total_accrued_minor"]) == (4, "10")
        assert (one["rejected_count"], one["idempotency_key"]) == (0, file.key)
    assert told[0]["accrual_event_id"] == told[1]["accrual_event_id"]
    assert file.interest(client) == ["1", "2", "3", "4"]
    for_people = accrue(stack_dir, *named)
    assert for_people.stdout.startswith(b"hpts: 4 loans accrued, 10 in minor units"), for_people


def test_both_ways_with_one_key_make_one_batch(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=2)
    first = json.loads(accrue(stack_dir, file.lines, "--json").stdout)
    second = json.loads(accrue(stack_dir, file.lines, "--kafka", "--json").stdout)
    assert second["resumed"]
    for member in ("accrual_event_id", "journal_entry_id", "loan_count", "total_accrued_minor"):
        assert first[member] == second[member]
    assert file.interest(client) == ["1", "2"]


def test_http_goes_on_with_what_a_direct_producer_began(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=3)
    first = json.loads(accrue(stack_dir, file.lines, "--kafka", "--json").stdout)
    body = json.loads(file.document.read_text())

    again = client.post("/v1/accruals/batch", body, key=file.key)

    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    for member in ("accrual_event_id", "journal_entry_id", "loan_count", "total_accrued_minor"):
        assert again.json()[member] == first[member]
    progress = client.get(f"/v1/accruals/{first['accrual_event_id']}").json()
    assert (progress["status"], progress["expected_loan_count"]) == ("posted", 3)
    assert client.post("/v1/accruals/batch", body, key=file.key).content == again.content
    assert file.interest(client) == ["1", "2", "3"]


@pytest.mark.parametrize("key", ["short", "has/a/slash", "x" * 256, "ends-in-a-line\n"])
def test_a_key_that_no_client_may_choose_sends_nothing(
    stack_dir: Path, client: Client, tmp_path: Path, key: str
) -> None:
    file = File(tmp_path, client, good=1)
    refused = accrue(stack_dir, file.lines, "--kafka", "--key", key)
    assert refused.returncode == 2, refused
    assert b"is no idempotency key" in refused.stderr
    assert file.interest(client) == ["0"]


def test_http_refuses_another_batch_under_a_direct_producers_key(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=2)
    assert accrue(stack_dir, file.lines, "--kafka").returncode == 0
    body = json.loads(file.document.read_text())
    body["accrual_date"] = "2026-02-28"

    other = client.post("/v1/accruals/batch", body, key=file.key)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert file.interest(client) == ["1", "2"]
    # Nothing was reserved for it.
    body["accrual_date"] = "2026-01-31"
    assert client.post("/v1/accruals/batch", body, key=file.key).status_code == 200


def test_a_refusal_that_passes_is_told_as_one(
    stack: Stack, stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=1)
    with being_read(stack, client):
        ran = accrue(stack_dir, file.lines)
    assert ran.returncode == 1
    assert b"rate_limited" in ran.stderr
    assert b"Run the same command again" in ran.stderr


@pytest.mark.parametrize("way", ["--kafka", "http"])
def test_loans_that_could_not_accrue_are_told_and_make_the_status_1(
    stack_dir: Path, client: Client, tmp_path: Path, way: str
) -> None:
    file = File(tmp_path, client, good=1, bad=3)
    named = (file.lines, "--kafka") if way == "--kafka" else (file.lines,)
    ran = accrue(stack_dir, *named)
    assert ran.returncode == 1
    assert b"3 loans could not accrue: 3 loan_not_found" in ran.stdout
    again = json.loads(accrue(stack_dir, *named, "--json").stdout)
    assert (again["loan_count"], again["rejections"]) == (1, {"loan_not_found": 3})


@pytest.mark.parametrize("way", ["--kafka", "http"])
def test_a_batch_of_which_nothing_could_accrue_is_told_like_any_other(
    stack_dir: Path, client: Client, tmp_path: Path, way: str
) -> None:
    file = File(tmp_path, client, good=0, bad=2)
    named = (file.lines, "--kafka") if way == "--kafka" else (file.lines,)
    for _ in range(2):
        ran = accrue(stack_dir, *named, "--json")
        told = json.loads(ran.stdout)
        assert (ran.returncode, told["loan_count"], told["rejected_count"]) == (1, 0, 2)


def test_a_batch_may_come_from_standard_input(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=2)
    for more, source in ((["--kafka"], file.lines), ([], file.lines), ([], file.document)):
        key = f"stdin:{uuid4()}"
        ran = accrue(stack_dir, "-", *more, "--key", key, "--json", stdin=source.read_bytes())
        told = json.loads(ran.stdout)
        assert told["idempotency_key"] == key
        assert told["loan_count"] + told["rejected_count"] == 2
    assert file.interest(client) == ["1", "2"]


def test_another_batch_under_a_used_key_is_refused_and_nothing_posts(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    tenant_id = UUID(tenant_of(client))
    in_one_partition = [client.open_loan(amount_minor="100000")["loan_id"]]
    wanted = partition_of_loan(tenant_id, UUID(in_one_partition[0]), PARTITIONS)
    while len(in_one_partition) < 2:
        other = uuid4()
        if partition_of_loan(tenant_id, other, PARTITIONS) == wanted:
            in_one_partition.append(str(other))
    file = File(tmp_path, client, good=0)
    texts = [file.written([loan]) for loan in in_one_partition]
    key = f"accrual:{uuid4()}"
    assert accrue(stack_dir, texts[0], "--kafka", "--key", key).returncode == 0
    ran = accrue(stack_dir, texts[1], "--kafka", "--key", key)
    assert (ran.returncode, b"was used for another batch" in ran.stderr) == (1, True)


def test_what_is_wrong_is_said_with_its_line_and_nothing_is_sent(
    stack_dir: Path, client: Client, tmp_path: Path
) -> None:
    file = File(tmp_path, client, good=2)
    text = file.lines.read_text().replace('"interest_minor": "2"', '"interest_minor": "2.5"')
    file.lines.write_text(text)
    ran = accrue(stack_dir, file.lines, "--kafka")
    assert ran.returncode == 1
    assert b"line 3, /interest_minor" in ran.stderr
    over_http = accrue(stack_dir, tmp_path / "batch.json", "--key", "short")
    assert (over_http.returncode, b"idempotency_key_invalid" in over_http.stderr) == (1, True)
    assert file.interest(client) == ["0", "0"]


def test_what_cannot_be_carried_out_is_a_usage_error(stack_dir: Path, tmp_path: Path) -> None:
    pretty = tmp_path / "pretty.json"
    pretty.write_text("{\n}\n")
    no_stack = str(tmp_path / "none")
    for named, told in (
        (["missing.ndjson"], "cannot read missing.ndjson"),
        ([str(pretty), "--data-dir", str(stack_dir)], "not a JSON object"),
        ([str(pretty), "--data-dir", no_stack], "nothing runs on"),
        ([str(pretty), "--kafka", "--data-dir", no_stack], "nothing runs on"),
        ([str(pretty), "--client", "nobody", "--data-dir", str(stack_dir)], "these may: tenant-a"),
    ):
        ran = hpts("accrue", *named)
        assert (ran.returncode, told in ran.stderr) == (2, True), (named, ran.stderr)
        assert "Traceback" not in ran.stderr
