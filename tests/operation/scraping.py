"""Reading metrics as Prometheus does: over HTTP, from each process."""

import time
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

WITHIN_S = 15.0


class Page:
    """What the processes export now, samples of the same name and labels added up."""

    def __init__(self, urls: list[str]) -> None:
        self.kinds: dict[str, str] = {}
        self.helps: dict[str, str] = {}
        self._samples: list[tuple[str, dict[str, str], float]] = []
        for url in urls:
            answer = httpx.get(url, timeout=5)
            answer.raise_for_status()
            for family in text_string_to_metric_families(answer.text):
                self.kinds[family.name] = family.type
                self.helps[family.name] = family.documentation
                self._samples += [(s.name, s.labels, s.value) for s in family.samples]

    def of(self, name: str, **labels: str) -> float:
        """The sum of a metric over the samples with these labels; 0 where there are none."""
        return sum(v for n, own, v in self._samples if n == name and labels.items() <= own.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of each sample of a metric."""
        return [own for n, own, _ in self._samples if n == name]


def scraped(stack: dict[str, Any]) -> Page:
    """All processes of a stack together."""
    return Page(list(stack["metrics"].values()))


def once(
    stack: dict[str, Any], is_so: Callable[[Page], bool], *, within_s: float = WITHIN_S
) -> Page:
    """The first page of which something is so."""
    deadline = time.monotonic() + within_s
    while not is_so(page := scraped(stack)):
        assert time.monotonic() < deadline, "it does not become so"
        time.sleep(0.1)
    return page
