"""docs/verification.md is enough to recompute everything: by nothing but what it says."""

import json
import re
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas import checkpoints
from schemas.chain import GENESIS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verification.md").read_text("utf-8")
ENTRY, CHECKPOINT = (text.encode() for text in re.findall(r"```json\n(.+)\n```", PAGE))
[HASH] = re.findall(r"```\n([0-9a-f]{64})\n```", PAGE)
[KEY] = re.findall(r"`([0-9a-f]{64})`", PAGE)


def test_the_entry_of_the_page_has_the_hash_of_the_page() -> None:
    assert sha256(GENESIS + ENTRY).hexdigest() == HASH
    # By another encoder than ours: no white space, and no escape that JSON does not demand.
    told = json.dumps(json.loads(ENTRY), separators=(",", ":"), ensure_ascii=False).encode()
    assert told == ENTRY == msgspec.json.encode(msgspec.json.decode(ENTRY))


def test_the_checkpoint_of_the_page_covers_it() -> None:
    signed = checkpoints.read(CHECKPOINT)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KEY))
    assert signed.is_by(key)
    assert signed.checkpoint.key_id == checkpoints.key_id_of(key)
    assert signed.checkpoint.chain_head.hex() == HASH
    assert signed.checkpoint.merkle_root == sha256(b"\0" + bytes.fromhex(HASH)).digest()
