"""The data folder of a local run: what in it is ours, and files written whole or not at all."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

LOCAL_JSON: Final = "local.json"
OURS: Final = (
    *("kafka", "postgres", "secrets", "pki", "logs", "checkpoints"),
    *(LOCAL_JSON, "supervisor.json"),
)
"""What `--fresh` removes; nothing else is ever touched, wherever the folder lies."""


def open_folder(data_dir: Path, *, is_fresh: bool) -> None:
    """Make the folder's own parts; with `is_fresh`, without what was in them. Lock held."""
    for name in OURS if is_fresh else (LOCAL_JSON,):
        path = data_dir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (data_dir / "logs").mkdir(exist_ok=True)
    (data_dir / "secrets").mkdir(mode=0o700, exist_ok=True)


def write_json(path: Path, value: Any, *, mode: int) -> None:
    """Write a file whole or not at all, never readable by more than `mode` says."""
    write(path, json.dumps(value, indent=1) + "\n", mode=mode)


def write(path: Path, text: str, *, mode: int) -> None:
    """Write a file whole or not at all, never readable by more than `mode` says."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
