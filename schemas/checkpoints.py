"""Signed checkpoints: what a partition's journal was, said by an engine to the outside.

A message is one line of JSON without white space:
`{"checkpoint":BODY,"signature":"<128 hex digits>"}`, where BODY is the JSON array of `Checkpoint`'s
members after "hpts-checkpoint-1", and the signature (Ed25519, RFC 8032) is over BODY's bytes.
Hashes are hex; `previous` is the SHA-256 of the BODY before it in its partition, zeros for the
first. The same bytes go to the topic and to files.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

VERSION: Final = "hpts-checkpoint-1"
NO_PREVIOUS: Final = bytes(32)
_BEGIN: Final = b'{"checkpoint":'
_MIDDLE: Final = b',"signature":"'
_END: Final = b'"}'
_SIGNATURE_DIGITS: Final = 128
_BEHIND: Final = len(_MIDDLE) + _SIGNATURE_DIGITS + len(_END)
_KINDS: Final = (str, int, int, int, str, str, int, str, str, str, str)


class NotACheckpoint(Exception):
    """Bytes that are no checkpoint's message. The message says why."""


class NotAKey(Exception):
    """A file that holds no Ed25519 key in PEM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A partition after `entry_seq` entries: the hash of the last one, the Merkle root over all
    (`schemas.merkle`), and the position in the log. `number` counts from 1; `made_at` is RFC 3339.
    """

    partition_id: int
    number: int
    entry_seq: int
    chain_head: bytes
    merkle_root: bytes
    next_offset: int
    topic_id: str
    made_at: str
    previous: bytes
    key_id: str

    def body(self) -> bytes:
        """The bytes that are signed."""
        return msgspec.json.encode(
            (
                VERSION,
                self.partition_id,
                self.number,
                self.entry_seq,
                self.chain_head.hex(),
                self.merkle_root.hex(),
                self.next_offset,
                self.topic_id,
                self.made_at,
                self.previous.hex(),
                self.key_id,
            )
        )

    def digest(self) -> bytes:
        """What the next checkpoint has as `previous`."""
        return sha256(self.body()).digest()

    def signed(self, key: Ed25519PrivateKey) -> bytes:
        """The message, without a line end."""
        body = self.body()
        return _BEGIN + body + _MIDDLE + key.sign(body).hex().encode() + _END


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it was read, with its signature still to be checked."""

    checkpoint: Checkpoint
    message: bytes

    def is_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the key's owner has signed it."""
        body = self.message[len(_BEGIN) : -_BEHIND]
        signature = self.message[-_BEHIND + len(_MIDDLE) : -len(_END)]
        try:
            key.verify(bytes.fromhex(signature.decode()), body)
        except InvalidSignature:
            return False
        return True


def read(message: bytes) -> Signed:
    """A message. Raises `NotACheckpoint` where it is not exactly what `signed` writes."""
    try:
        told: Any = msgspec.json.decode(message)
        members = told["checkpoint"]
        if len(members) != len(_KINDS) or [*map(type, members)] != [*_KINDS]:
            raise NotACheckpoint("its members are others")
        checkpoint = Checkpoint(
            partition_id=members[1],
            number=members[2],
            entry_seq=members[3],
            chain_head=bytes.fromhex(members[4]),
            merkle_root=bytes.fromhex(members[5]),
            next_offset=members[6],
            topic_id=members[7],
            made_at=members[8],
            previous=bytes.fromhex(members[9]),
            key_id=members[10],
        )
        signature = bytes.fromhex(told["signature"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise NotACheckpoint(f"it cannot be read: {error}") from error
    if members[0] != VERSION:
        raise NotACheckpoint(f"it is of the kind {members[0]}")
    if _BEGIN + checkpoint.body() + _MIDDLE + signature.hex().encode() + _END != message:
        raise NotACheckpoint("it is written in another way than checkpoints are")
    return Signed(checkpoint, message)


def instant(made_at: datetime) -> str:
    """How `made_at` is written."""
    return made_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def key_id_of(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def private_key_in(path: Path) -> Ed25519PrivateKey:
    """The key of a PEM file. Raises `NotAKey` or `OSError`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise NotAKey(f"{path} holds no private key in PEM: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAKey(f"{path} holds a key of another kind than Ed25519")
    return key


def public_key_in(path: Path) -> Ed25519PublicKey:
    """The key of a PEM file. Raises `NotAKey` or `OSError`."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, TypeError) as error:
        raise NotAKey(f"{path} holds no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NotAKey(f"{path} holds a key of another kind than Ed25519")
    return key
