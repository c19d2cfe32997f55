"""The pages that are made from the code are what the code says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpts.reference.pages import MADE
from schemas import topics

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == MADE[name](), "run python -m hpts.reference"


def test_the_asyncapi_document_has_every_topic_and_every_schema_once() -> None:
    document: dict[str, Any] = yaml.safe_load((ROOT / "schemas/asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert {one["address"] for one in document["channels"].values()} == {
        topic.name for topic in topics.TOPICS
    }
    used = [name for one in document["channels"].values() for name in one["messages"]]
    avro = {path.stem for path in (ROOT / "schemas" / "avro").glob("*.avsc")}
    assert sorted(used) == sorted(avro | {"Checkpoint"})
    for reference in re.findall(r"\$ref: '?(#?[^\s']+)", yaml.safe_dump(document)):
        target: Any = document
        if reference.startswith("#/"):
            for part in reference[2:].split("/"):
                target = target[part]
        else:
            assert json.loads((ROOT / "schemas" / reference).read_text())["type"] == "record"
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
