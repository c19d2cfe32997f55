"""Postgres: settings that money needs, roles, migrations, keys, checkpoints, leases, the clock."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hpts.database import Administrator
from hpts.diagnosis.findings import Finding, judged
from hpts.migrate import MigrationRefused, pending, shipped
from schemas.signing import UnreadableSecret, resolve_secret

_AREA: Final = "Postgres"
_OLDEST: Final = 15
_MUST_BE_ON: Final = {
    "fsync": "without it a power cut loses what was acknowledged",
    "full_page_writes": "without it a power cut can tear a page",
    "data_checksums": "make the cluster with `initdb --data-checksums`, or run pg_checksums",
}
_ROLES: Final[Mapping[str, tuple[bool, bool]]] = {
    "hpts_owner": (False, False),
    "hpts_ingress": (True, False),
    "hpts_reader": (True, False),
    "hpts_engine": (True, True),
    "hpts_deliveries": (True, True),
    "hpts_reconciliation": (True, True),
}
"""Each role: whether it may log in, and whether row-level security is no wall to it."""
_MOST_SKEW_S: Final = 2.0
_OLD_CHECKPOINT: Final = timedelta(minutes=5)
_OLD_POSITION: Final = timedelta(minutes=1)
_SOON: Final = timedelta(days=30)


def look(database: Administrator) -> Iterator[Finding]:
    """Every finding. Raises `DatabaseRefused` where it does not answer."""
    yield from _settings(dict(database.ask("load_server_settings")))
    yield from _roles({name: tuple(rest) for name, *rest in database.ask("load_roles")})
    yield _clock(database)
    missing = _migrations(database)
    yield missing
    if missing.to_do:
        return
    yield from _keys(database)
    yield from _partitions(database)
    yield _checkpoints(database)


def _settings(found: Mapping[str, str]) -> Iterator[Finding]:
    version = int(found["server_version_num"]) // 10_000
    old = "" if version >= _OLDEST else f"upgrade to Postgres {_OLDEST} or newer"
    yield judged(_AREA, "version", found["server_version"], fail=old)
    for name, why in _MUST_BE_ON.items():
        is_on = found[name] == "on"
        yield judged(_AREA, name, found[name], fail="" if is_on else why)
    lax = "" if found["synchronous_commit"] != "off" else "set it to on"
    yield judged(_AREA, "synchronous_commit", found["synchronous_commit"], fail=lax)


def _roles(found: Mapping[str, tuple[Any, ...]]) -> Iterator[Finding]:
    faults = []
    for name, (may_log_in, passes_walls) in _ROLES.items():
        if name not in found:
            faults.append(f"{name} is missing")
            continue
        logs_in, bypasses, is_superuser = found[name]
        if is_superuser:
            faults.append(f"{name} is a superuser: nothing is a wall to it")
        if (logs_in, bypasses) != (may_log_in, passes_walls):
            faults.append(f"{name}: LOGIN {logs_in}, BYPASSRLS {bypasses}")
    told = "; ".join(faults) or "as the migrations make them"
    mend = "`hpts migrate` makes what is missing; ALTER ROLE what differs" if faults else ""
    yield judged(_AREA, "roles", told, fail=mend)


def _clock(database: Administrator) -> Finding:
    before = time.time()
    [(now,)] = database.ask("load_clock")
    skew_s = now.timestamp() - (before + time.time()) / 2
    told = f"{skew_s:+.2f} s from this machine's"
    skewed = "run a time service (chrony, ntpd) on both" if abs(skew_s) > _MOST_SKEW_S else ""
    return judged(_AREA, "clock", told, warn=skewed)


def _migrations(database: Administrator) -> Finding:
    if not database.has_schema("hpts_edge"):
        return judged(_AREA, "migrations", "none is applied", fail="run `hpts migrate`")
    try:
        missing = pending(shipped(), dict(database.ask("load_migrations")))
    except MigrationRefused as reason:
        return judged(_AREA, "migrations", str(reason), fail="use the build that made it")
    if missing:
        names = ", ".join(one.name for one in missing)
        return judged(_AREA, "migrations", f"not applied: {names}", fail="run `hpts migrate`")
    return judged(_AREA, "migrations", f"{shipped()[-1].name} is the last, and applied")


def _keys(database: Administrator) -> Iterator[Finding]:
    now = datetime.now(UTC)
    rows = database.ask("load_key_ring")
    if not rows:
        yield judged("keys", "key ring", "empty", fail="no ingress can sign: add a key to the ring")
    for key_id, reference, valid_from, valid_until in rows:
        is_valid = valid_from <= now and (valid_until is None or now < valid_until)
        if not is_valid:
            continue  # kept for what it has signed
        ending = valid_until is not None and valid_until - now < _SOON
        told = f"valid until {valid_until.date()}" if valid_until else "valid, without an end"
        try:
            resolve_secret(reference)
        except UnreadableSecret as reason:
            elsewhere = "engines must be able to read it; is it on another machine?"
            yield judged("keys", key_id, str(reason), warn=elsewhere)
            continue
        yield judged("keys", key_id, told, warn="add its successor now" if ending else "")


def _partitions(database: Administrator) -> Iterator[Finding]:
    now = datetime.now(UTC)
    rows = database.ask("load_partition_health")
    halted = [f"{number}: {why}" for number, _, _, why in rows if why is not None]
    alone = [number for number, owner, _, _ in rows if owner is None]
    late = [number for number, _, reached_at, _ in rows if now - reached_at > _OLD_POSITION]
    ahead = [n for n, _, at, _ in rows if at - now > timedelta(seconds=_MOST_SKEW_S)]
    told = "; ".join(halted) or f"{len(rows)}, none halted"
    yield judged("engine", "partitions", told, fail="do what each says" if halted else "")
    nobody = "start an engine: `hpts up`, or posting_engine" if alone else ""
    yield judged("engine", "leases", f"partitions without: {alone or 'none'}", fail=nobody)
    start = "is an engine running? `hpts status`" if late else ""
    yield judged("engine", "lag", f"over a minute behind: {late or 'none'}", fail=start)
    if ahead:
        skewed = "a broker's clock is ahead: run a time service there"
        yield judged("engine", "broker's clock", f"ahead of ours at {ahead}", warn=skewed)


def _checkpoints(database: Administrator) -> Finding:
    """Entries that no published checkpoint covers, and since when."""
    rows = database.ask("load_uncovered_entries")
    now = datetime.now(UTC)
    old = [number for number, since in rows if now - since > _OLD_CHECKPOINT]
    told = f"partitions with older entries that none covers: {old or 'none'}"
    mend = "has the engine a checkpoint key, and may it write the topic?" if old else ""
    return judged("engine", "checkpoints", told, warn=mend)
