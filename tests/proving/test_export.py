"""Exports and proofs: verified in a process that knows no server, and spoiled byte by byte."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from hpts.cli import app
from hpts.database import snapshot
from hpts.proving import export, proof, standalone
from hpts.proving.checkpoints import evidence
from schemas.checkpoints import read
from tests.proving.small_ledger import KEY, SmallLedger

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def files(small_ledger: SmallLedger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `books.zip`, `checkpoints.jsonl` and `key.pem`: what an outsider is given."""
    folder = tmp_path_factory.mktemp("given")
    with snapshot(small_ledger.admin_dsn) as shot:
        assert export.write(shot, folder / "books.zip", lambda *_: None).is_sound
    (folder / "checkpoints.jsonl").write_bytes(b"\n".join(small_ledger.messages) + b"\n")
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(public)
    return folder


def verify(*arguments: str) -> Result:
    """`hpts verify` without any setting, in this process."""
    settings = {name: None for name in os.environ if name.startswith("HPTS_")}
    return CliRunner(env=settings).invoke(app, ["verify", *arguments])


def without_network(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The same in a process of its own, where opening a socket is an error."""
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "from hpts.__main__ import main\n"
        "sys.argv = ['hpts', 'verify', *sys.argv[1:]]\n"
        "main()\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HPTS_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def given_away(export_file: Path, folder: Path) -> list[str]:
    checkpoints, key = folder / "checkpoints.jsonl", folder / "key.pem"
    return ["--offline", str(export_file), str(checkpoints), "--public-key", str(key), "--json"]


def offline(export_file: Path, folder: Path, *more: str) -> Result:
    return verify(*given_away(export_file, folder), *more)


def by_one_file(way: str, file: Path, folder: Path, *more: str) -> int:
    """The same answer, without a process of its own."""
    given = (str(file), str(folder / "checkpoints.jsonl"), str(folder / "key.pem"))
    return standalone.main([way, *given, *more])


def standing_alone(way: str, file: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The one file, copied away from all our code."""
    copied = folder / "standalone.py"
    copied.write_bytes((ROOT / "hpts" / "proving" / "standalone.py").read_bytes())
    given = (str(file), str(folder / "checkpoints.jsonl"), str(folder / "key.pem"))
    return subprocess.run(
        [sys.executable, "-I", str(copied), way, *given],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_one_file_comes_to_the_same_answer(files: Path) -> None:
    ran = standing_alone("export", files / "books.zip", files)
    assert (ran.returncode, ran.stdout) == (0, "sound, against 12 signed checkpoints\n"), ran.stderr


def test_an_export_is_verified_without_any_server(files: Path, small_ledger: SmallLedger) -> None:
    ran = without_network(*given_away(files / "books.zip", files))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["findings"] == []
    assert told["covered_entries"] == told["entries"] == small_ledger.verify().entries
    assert told["notes"] == []


def test_an_export_of_which_a_partition_was_never_signed_is_not_sound(
    files: Path, small_ledger: SmallLedger, tmp_path: Path
) -> None:
    """Without checkpoints nothing but the books themselves says that they are right."""
    others = [m for m in small_ledger.messages if read(m).checkpoint.partition_id != 1]
    (tmp_path / "checkpoints.jsonl").write_bytes(b"\n".join(others) + b"\n")
    shutil.copy(files / "key.pem", tmp_path)
    ran = offline(files / "books.zip", tmp_path)
    assert ran.exit_code == 1, ran.stdout + ran.stderr
    told = [(one["check"], one["partition_id"]) for one in json.loads(ran.stdout)["findings"]]
    assert told == [("checkpoint", 1)]
    assert by_one_file("export", files / "books.zip", tmp_path) == 1
    assert offline(files / "books.zip", tmp_path, "--no-checkpoints").exit_code == 0
    assert by_one_file("export", files / "books.zip", tmp_path, "--no-checkpoints") == 0


def changed_in(source: Path, target: Path, member: str, change: Any) -> None:
    """Write an export anew with one member changed, and a manifest that says nothing of it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        contents = {name: old.read(name) for name in old.namelist()}
        contents[member] = change(contents[member])
        manifest = json.loads(contents["manifest.json"])
        for partition in manifest["partitions"]:
            for name in partition["members"]:
                partition["members"][name] = sha256(contents[name]).hexdigest()
        contents["manifest.json"] = json.dumps(manifest).encode()
        for name, content in contents.items():
            new.writestr(name, content)


def test_whatever_is_changed_in_an_export_is_found(files: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(files / "books.zip") as archive:
        members = [n for n in archive.namelist() if n != "manifest.json" and archive.read(n)]
    chance = Random(7)
    for number in range(8):
        member = members[number % len(members)]

        def spoil(content: bytes) -> bytes:
            lines = content.splitlines(keepends=True)
            chosen = chance.randrange(len(lines))
            match chance.randrange(3):
                case 0:
                    del lines[chosen]
                case 1:
                    places = [i for i, b in enumerate(lines[chosen]) if chr(b).isdigit()]
                    at = chance.choice(places)
                    digit = b"1" if lines[chosen][at : at + 1] != b"1" else b"2"
                    lines[chosen] = lines[chosen][:at] + digit + lines[chosen][at + 1 :]
                case _:
                    lines.insert(chosen, lines[chosen])
            return b"".join(lines)

        changed_in(files / "books.zip", tmp_path / "books.zip", member, spoil)
        ran = offline(tmp_path / "books.zip", files)
        assert ran.exit_code == 1, (number, member, ran.stdout)
        if member.startswith("entries"):
            assert by_one_file("export", tmp_path / "books.zip", files) == 1, number


def test_a_file_that_is_no_export_is_refused(files: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.zip").write_bytes((files / "books.zip").read_bytes()[:-200])
    ran = offline(tmp_path / "torn.zip", files)
    assert (ran.exit_code, "is no export" in ran.stderr) == (1, True), ran.stderr


def test_what_is_missing_for_a_verification_is_a_usage_error(tmp_path: Path) -> None:
    assert verify("--offline", str(tmp_path / "books.zip")).exit_code == 2
    assert verify("--data-dir", str(tmp_path / "nothing")).exit_code == 2


def test_each_entry_has_a_proof_that_holds_for_it_alone(
    files: Path, small_ledger: SmallLedger, tmp_path: Path
) -> None:
    signed = small_ledger.evidence
    with small_ledger.connect() as connection:
        ids = connection.execute(
            "SELECT DISTINCT journal_entry_id FROM journal_entries ORDER BY 1"
        ).fetchall()
    chosen = Random(7).sample([entry_id for (entry_id,) in ids], 6)
    with snapshot(small_ledger.admin_dsn) as shot:
        proofs = [proof.prove(shot, entry_id, signed) for entry_id in chosen]
    for made in proofs:
        path = tmp_path / "proof.json"
        path.write_bytes(proof.encoded(made))
        report, entries = proof.verify(path, signed)
        assert report.findings == []
        assert {entry[4] for entry in entries} == {made.journal_entry_id}
        assert by_one_file("proof", path, files) == 0
        text = path.read_text()
        other = text.replace('\\"DR\\",', '\\"DR\\",1', 1)
        path.write_text(other)
        assert not proof.verify(path, signed)[0].is_sound
        assert by_one_file("proof", path, files) == 1
    ran = verify(
        *("--proof", str(path), str(files / "checkpoints.jsonl")),
        *("--public-key", str(files / "key.pem")),
    )
    assert (ran.exit_code, "NOT SOUND" in ran.stdout) == (1, True), ran.stdout
    path.write_bytes(proof.encoded(proofs[0]))
    unsigned = ("--proof", str(path), str(files / "checkpoints.jsonl"))
    ran = verify(*unsigned)
    assert (ran.exit_code, "no public key is at hand" in ran.stderr) == (2, True), ran.stderr
    ran = verify(*unsigned, "--unsigned")
    assert (ran.exit_code, "signatures are not checked" in ran.stderr) == (0, True), ran.stderr


def test_a_checkpoint_by_another_key_counts_for_nothing(small_ledger: SmallLedger) -> None:
    forged = [m.replace(b'"signature":"', b'"signature":"', 1) for m in small_ledger.messages]
    forged[0] = forged[0][:-3] + (b'1"}' if forged[0][-3:] != b'1"}' else b'2"}')
    found = evidence(forged, KEY.public_key())
    assert [one.check for one in found.findings] == ["signature"]
