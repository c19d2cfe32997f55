"""What the README says is what happens: its shell blocks run, its answers are compared."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```(bash|json)\n(.*?)```", re.DOTALL)
MARK = "--- end of block ---"
VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
)


def masked(answer: Any) -> Any:
    """An answer without what differs each time: ids, instants, and the day of posting."""
    text = VARYING.sub("*", json.dumps(answer))
    masked_answer: Any = json.loads(text)
    balance = masked_answer.get("balance", {})
    if "as_of_date" in balance:
        balance["as_of_date"] = "*"
    return masked_answer


def test_the_readme_s_commands_give_the_readme_s_answers(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path
) -> None:
    assert stack
    (tmp_path / ".hpts").symlink_to(stack_dir)
    blocks = BLOCK.findall(README.read_text())
    script = "set -euo pipefail\n" + "".join(
        f"{text}\necho '{MARK}'\n" for kind, text in blocks if kind == "bash"
    )
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(f"{MARK}\n")

    compared = 0
    commands_seen = 0
    for kind, text in blocks:
        if kind == "bash":
            commands_seen += 1
            continue
        assert masked(json.loads(outputs[commands_seen - 1])) == masked(json.loads(text))
        compared += 1
    assert compared == 2

    trial = json.loads(outputs[commands_seen - 1])
    assert all(x["dr_balance_minor"] == x["cr_balance_minor"] for x in trial["totals"])
    assert "<html" in (tmp_path / "statement.html").read_text()
    accrued = [text for text in outputs if "total_accrued_minor" in text]
    assert len(accrued) == 2
    assert accrued[0] == accrued[1]
    tried = next(json.loads(text) for text in outputs if "dry_run" in text)
    assert tried["allocation"]["interest_minor"] == "822"
    journal = json.loads(outputs[commands_seen - 2])
    assert [entry["event_type"] for entry in journal["items"]] == [
        "disbursement",
        "accrual",
        "payment_received",
        "reversal",
    ]
