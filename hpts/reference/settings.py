"""docs/reference/settings.md: the `HPTS_*` variables, from the services' settings objects."""

import ast
import inspect
import textwrap
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from hpts.reference.metrics import SERVICES

MODULES: Final = (*(f"{service}.settings" for service in SERVICES), "hpts.local.issuer")

HEAD: Final = """\
# Settings

A service reads its settings once, when it starts, from variables named `HPTS_*`, and reports every
fault at once. Secrets are never logged. What `hpts up` sets for the local run is in
`hpts/local/stack.py`; complete examples are `docker-compose.yml`, `ops/kubernetes/` and
`ops/systemd/`.

This page is made by `python -m hpts.reference` from the settings objects; a test holds it equal.
"""

TOLD: Final = {
    "kafka_bootstrap": "The brokers: `host:port`, several with commas.",
    "ingress_postgres_dsn": "The database, as role `hpts_ingress`.",
    "engine_postgres_dsn": "The database, as role `hpts_engine`.",
    "read_postgres_dsn": "The database, as role `hpts_reader`; may be a standby's.",
    "signing_key_id": "Which key of the ring (`hpts_edge.signing_keys`) signs what it sends.",
    "token_issuer": "`iss` of the access tokens.",
    "token_audience": "`aud` of the access tokens.",
    "jwks_url": "Where the issuer's public keys are.",
    "token_algorithm": "The only algorithm that tokens may be signed with.",
    "host": "The address to listen on.",
    "port": "The port to listen on.",
    "max_in_flight": "Posting requests at once; more are answered 503 `overloaded`.",
    "max_in_flight_per_tenant": "The same for one tenant: 429 `rate_limited`.",
    "max_batch_streams_per_tenant": "The same for one tenant.",
    "postgres_connections": "The most connections to Postgres.",
    "delivery_timeout_ms": "How long the broker may take to acknowledge a command.",
    "engine_slot": "This engine's own number among those of one ledger; it outlives a restart.",
    "batch_records": "The most records that are taken from the log at once.",
    "log_level": "The least level of what is logged.",
    "checkpoint_seconds": "How old a checkpoint may be while there is news.",
    "page_token_secret_file": "At least 32 bytes, the same for all: page tokens are bound by it.",
    "issuer_clients_file": "The OAuth clients, as JSON.",
    "issuer_key_file": "The key that signs tokens, in PEM.",
}
"""What to say of a setting that says nothing of itself, whichever service has it."""


class Variable(NamedTuple):
    """One setting, as its object declares it."""

    name: str
    kind: str
    default: str
    told: str


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for module, variables in by_module().items():
        rows = "".join(
            f"| `{one.name}` | {one.kind} | {one.default} | {one.told} |\n" for one in variables
        )
        name = module.removesuffix(".settings")
        parts.append(
            f"## {name}\n\n| variable | type | default | what |\n|---|---|---|---|\n{rows}"
        )
    return "\n".join(parts)


def by_module() -> dict[str, list[Variable]]:
    """Module of a settings object -> its variables; modules that are not there are left out."""
    return {
        module: variables_of(settings)
        for module in MODULES
        if (settings := _settings_in(module)) is not None
    }


def variables_of(settings: type[BaseSettings]) -> list[Variable]:
    """The variables that a settings object reads, inherited ones first."""
    told = _docstrings(settings)
    prefix = settings.model_config["env_prefix"]
    return [
        Variable(
            f"{prefix}{name}".upper(),
            _kind(field.annotation),
            _default(field.get_default()),
            told.get(name) or TOLD.get(name, ""),
        )
        for name, field in settings.model_fields.items()
    ]


def _settings_in(module: str) -> type[BaseSettings] | None:
    package = module.split(".")[0]
    if find_spec(package) is None or find_spec(module) is None:
        return None
    found: type[BaseSettings] | None = getattr(import_module(module), "Settings", None)
    return found


def _docstrings(settings: type) -> dict[str, str]:
    """Field -> the string below it, in this class and those that it inherits from."""
    told: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        if not issubclass(one, BaseSettings) or one is BaseSettings:
            continue
        [declared] = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        body = declared.body if isinstance(declared, ast.ClassDef) else []
        for field, below in pairwise(body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    told[name] = " ".join(text.split())
    return told


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{one or 'empty'}`" for one in get_args(annotation))
    if members := get_args(annotation):
        return " or ".join(_kind(one) for one in members if one is not NoneType)
    names = {"SecretStr": "secret text", "str": "text", "int": "whole number", "float": "number"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name.lower())


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**required**"
    return "none" if value in (None, "") else f"`{value}`"
