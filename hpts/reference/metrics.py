"""docs/reference/metrics.md: what each service exports, from its own `metrics` module."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

SERVICES: Final = (
    *("ingress_api", "posting_engine", "read_api"),
    *("deliveries", "reconciliation", "console"),
)

HEAD: Final = """\
# Metrics

Each process serves its own at `/metrics`, once `HPTS_METRICS_PORT` is set
([settings](settings.md)). `hpts up` gives each a free port and lists them in `local.json`:

```console
$ python3 -c "import json; print(json.load(open('.hpts/local.json'))['metrics'])"
```

No label names a tenant, a loan or a key. `hpts_books_*` are read from Postgres by every read
process, so they tell of the books even when no engine runs: take the maximum over the processes.
So are the gauges of the deliveries, by each process of them. The alerts that use them are in
`ops/prometheus/alerts.yml`, a dashboard in `ops/grafana/`.

This page is made by `python -m hpts.reference`; a test holds it equal to what the processes export.
"""


class Family(NamedTuple):
    """One metric, as it is exported."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which Prometheus keeps it."""
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return tuple(self.name + ending for ending in endings.get(self.kind, ("",)))


def families_of(service: str) -> list[Family]:
    """What a service's processes export of their own; nothing where it has no `metrics`."""
    if find_spec(service) is None or find_spec(f"{service}.metrics") is None:
        return []
    found = vars(import_module(f"{service}.metrics")).values()
    wrapped: list[Any] = [one for one in found if hasattr(one, "describe")]
    return sorted(
        Family(told.name, told.type, tuple(one._labelnames), told.documentation)
        for one in wrapped
        if not isinstance(one, type)
        for told in one.describe()
    )


def families() -> dict[str, list[Family]]:
    """Service -> its metrics; services without any are left out."""
    return {service: found for service in SERVICES if (found := families_of(service))}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for service, found in families().items():
        rows = "".join(
            f"| `{one.name}{'_total' * (one.kind == 'counter')}` | {one.kind} | "
            f"{', '.join(map('`{}`'.format, one.labels))} | {one.help} |\n"
            for one in found
        )
        parts.append(
            f"## {service}\n\n| metric | type | labels | what |\n|---|---|---|---|\n{rows}"
        )
    return "\n".join(parts)
