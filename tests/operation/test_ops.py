"""What is in ops/ and docker-compose.yml fits the programs; no container engine runs here."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from hpts.reference import metrics, settings

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = sorted(
    p for p in (ROOT / "ops" / "kubernetes").glob("*.yaml") if p.stem != "kustomization"
)
UNITS = sorted((ROOT / "ops" / "systemd").glob("*.service"))
KUBERNETES_VERSIONS = ("1.33", "1.37")
OF_EVERY_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
MIGRATE = {"HPTS_PROFILE", "HPTS_KAFKA_BOOTSTRAP", "HPTS_POSTGRES_DSN", "HPTS_DURABILITY"}

Document = dict[str, Any]

COMPOSE: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


def samples() -> dict[str, set[str]]:
    """Every name that Prometheus keeps, with its labels."""
    return {
        name: set(family.labels)
        for found in metrics.families().values()
        for family in found
        for name in family.samples
    }


def alerts() -> list[Document]:
    rules = yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text("utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


def panels() -> list[Document]:
    text = (ROOT / "ops/grafana/dashboards/hpts.json").read_text("utf-8")
    return list(json.loads(text)["panels"])


def expressions() -> list[str]:
    return [rule["expr"] for rule in alerts()] + [
        target["expr"] for panel in panels() for target in panel["targets"]
    ]


def test_every_metric_and_label_of_an_alert_or_a_panel_is_exported() -> None:
    known = samples()
    for expression in expressions():
        used = re.findall(r"\b(?:hpts|process)_\w+|\bup\b", expression)
        assert used, expression
        assert set(used) <= set(known) | OF_EVERY_PROCESS, expression
        labels = {"instance", "job", "service"}.union(*(known.get(name, set()) for name in used))
        labels |= {"le"} if any(name.endswith("_bucket") for name in used) else set()
        by = re.findall(r"by \(([^)]*)\)", expression)
        named = {one.strip() for group in by for one in group.split(",")}
        named |= set(re.findall(r"[{,]\s*(\w+)\s*=", expression))
        assert named <= labels, expression


def test_every_alert_says_what_happened_and_has_a_section_that_says_what_to_do() -> None:
    sections = re.findall(
        r"^## (\w+)$", (ROOT / "docs/operations/alerts.md").read_text("utf-8"), re.MULTILINE
    )
    assert sections == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")


def test_no_two_panels_of_the_dashboard_stand_in_one_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_docker_compose_keeps_to_the_compose_specification() -> None:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(vendored.read_text("utf-8")))
    for name, service in COMPOSE["services"].items():
        others = service.get("depends_on", ())
        assert set(others) <= set(COMPOSE["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() or source in COMPOSE["volumes"], (name, volume)


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_kubernetes_takes_the_manifests(path: Path, version: str) -> None:
    for document in yaml.safe_load_all(path.read_text("utf-8")):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_kustomization_names_every_manifest_and_every_selector_finds_its_pods() -> None:
    whole = yaml.safe_load((ROOT / "ops/kubernetes/kustomization.yaml").read_text("utf-8"))
    assert {*whole["resources"]} == {path.name for path in KUBERNETES}
    pods = [pod["metadata"]["labels"] for document in manifests() if (pod := pod_of(document))]
    for document in manifests():
        selector = document.get("spec", {}).get("selector")
        if selector:
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= labels.items() for labels in pods), document["metadata"]


def manifests() -> list[Document]:
    return [one for path in KUBERNETES for one in yaml.safe_load_all(path.read_text("utf-8"))]


def pod_of(document: Document) -> Document | None:
    pod = document.get("spec", {}).get("template")
    return dict(pod) if pod else None


def programs() -> Iterator[tuple[str, str, set[str]]]:
    """Where a program of ours is started: the place, its module, and the variables it is given."""
    for name, service in COMPOSE["services"].items():
        if (module := module_in(service.get("command", ()))) is not None:
            yield f"compose {name}", module, set(service.get("environment", {}))
    shared = next(set(one["data"]) for one in manifests() if one["kind"] == "ConfigMap")
    for document in manifests():
        for container in (pod_of(document) or {}).get("spec", {}).get("containers", ()):
            module = module_in(container["command"])
            assert module is not None
            own = {variable["name"] for variable in container["env"]}
            yield f"kubernetes {container['name']}", module, own | shared
    example = (ROOT / "ops/systemd/hpts.env.example").read_text("utf-8")
    shared = set(re.findall(r"^(HPTS_\w+)=", example, re.MULTILINE))
    for path in UNITS:
        text = path.read_text("utf-8")
        module = module_in([text])
        assert module is not None
        own = set(re.findall(r"\b(HPTS_\w+)=", text))
        yield f"systemd {path.name}", module, own | shared


def module_in(command: Any) -> str | None:
    """The module that a command line runs; None where it runs none of ours."""
    words = " ".join(command)
    found = re.search(r"python(?: -P)? -m ([\w.]+)", words)
    return found[1] if found is not None else None


PROGRAMS = list(programs())
SERVICES = {
    *("ingress_api", "posting_engine", "read_api"),
    *("deliveries", "reconciliation", "console"),
}


@pytest.mark.parametrize("way", ["compose", "kubernetes", "systemd"])
def test_each_way_to_deploy_has_every_service(way: str) -> None:
    assert {module for where, module, _ in PROGRAMS if where.startswith(f"{way} ")} >= SERVICES


def test_what_is_scraped_in_compose_is_every_service_that_has_metrics() -> None:
    whole = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text("utf-8"))
    [job] = whole["scrape_configs"]
    [found] = job["dns_sd_configs"]
    observed = {
        name
        for name, service in COMPOSE["services"].items()
        if service.get("environment", {}).get("HPTS_METRICS_PORT") == str(found["port"])
    }
    assert set(found["names"]) == observed
    modules = {module_in(COMPOSE["services"][name]["command"]) for name in observed}
    assert modules == set(metrics.families())


def test_a_probe_of_kubernetes_asks_a_port_that_the_process_listens_on() -> None:
    for document in manifests():
        for container in (pod_of(document) or {}).get("spec", {}).get("containers", ()):
            open_ports = {one["name"]: one["containerPort"] for one in container.get("ports", ())}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in container:
                    assert container[probe]["httpGet"]["port"] in open_ports, container["name"]
            if "health" in open_ports:
                variable = f"HPTS_{container['name'].upper()}_PORT"
                own = settings.by_module()[f"{container['name']}.settings"]
                assert f"`{open_ports['health']}`" in {
                    one.default for one in own if one.name == variable
                }


@pytest.mark.parametrize(("where", "module", "given"), PROGRAMS, ids=[one[0] for one in PROGRAMS])
def test_a_process_is_given_what_it_needs_and_nothing_that_no_process_reads(
    where: str, module: str, given: set[str]
) -> None:
    known = settings.by_module()
    every = {one.name for found in known.values() for one in found} | MIGRATE
    assert given <= every, where
    if module == "hpts":
        assert given >= {"HPTS_KAFKA_BOOTSTRAP", "HPTS_POSTGRES_DSN"}
        return
    own = known[module if module in known else f"{module}.settings"]
    required = {one.name for one in own if one.default == "**required**"}
    assert required <= given, where


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in (ROOT / "ops" / "systemd").glob("hpts*"):
        name = path.name.replace("@.", "@00.")
        (tmp_path / name).write_text(
            path.read_text("utf-8").replace("/opt/hpts/.venv/bin/python", sys.executable)
        )
    units = [str(path) for path in tmp_path.iterdir() if path.suffix in (".service", ".target")]
    verify = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    ran = subprocess.run(verify, capture_output=True, text=True, check=False)
    told = [line for line in ran.stderr.splitlines() if "hpts" in line]
    assert ran.returncode == 0, ran.stderr
    assert told == []
