"""What one run of a benchmark measured, and how it is told. Latencies are of right answers only."""

from typing import Any


class Run:
    """One measurement: its clients, how long, and what came back. `of` says what was asked for."""

    def __init__(self, clients: int, of: str) -> None:
        self.clients = clients
        self.of = of
        self.latencies: list[float] = []
        self.other: dict[int, int] = {}
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}

    def row(self) -> dict[str, Any]:
        """The figures of this run: milliseconds, and microseconds of CPU for each answer."""
        ordered = sorted(self.latencies)
        count = len(ordered)

        def percentile(share: float) -> float:
            return round(1000 * ordered[min(count - 1, int(share * count))], 2)

        return {
            "of": self.of,
            "clients": self.clients,
            "count": count,
            "per_second": round(count / self.seconds, 1),
            "p50_ms": percentile(0.50),
            "p95_ms": percentile(0.95),
            "p99_ms": percentile(0.99),
            "other_answers": self.other,
            "cpu_us_each": {n: round(1e6 * s / count) for n, s in self.cpu.items()},
        }


def print_table(figures: list[dict[str, Any]]) -> None:
    """Throughput and latencies, then who used how much CPU."""
    heads = f"{'clients':>8}{'a second':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}  other answers"
    print(f"{'':<24}{heads}")
    for row in figures:
        print(
            f"{row['of']:<24}{row['clients']:>8}{row['per_second']:>10}{row['p50_ms']:>9}"
            f"{row['p95_ms']:>9}{row['p99_ms']:>9}  {row['other_answers'] or 'none'}"
        )
    print("CPU microseconds for each, by process:")
    for row in figures:
        used = row["cpu_us_each"]
        parts = ", ".join(f"{name} {spent}" for name, spent in used.items() if spent)
        print(f"{row['of']:<24}{row['clients']:>8}  {sum(used.values())}: {parts}")
