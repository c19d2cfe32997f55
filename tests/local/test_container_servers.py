"""Where the bare test servers come from. No Docker engine runs here, so no container is started."""

import pytest
import yaml

from tests.container_servers import KAFKA, POSTGRES, kafka_settings, source
from tests.test_tidy import ROOT


def test_the_local_servers_are_the_default_and_another_word_is_refused() -> None:
    assert source({}) == source({"HPTS_TEST_SERVERS": ""}) == "local"
    assert source({"HPTS_TEST_SERVERS": "testcontainers"}) == "testcontainers"
    with pytest.raises(ValueError, match="local or testcontainers, not 'docker'"):
        source({"HPTS_TEST_SERVERS": "docker"})


def test_the_containers_are_those_of_docker_compose() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert (services["kafka"]["image"], services["postgres"]["image"]) == (KAFKA, POSTGRES)
    told = {name: str(value) for name, value in services["kafka"]["environment"].items()}
    own = kafka_settings(9092)
    where = {"KAFKA_ADVERTISED_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS"}
    assert {name: told[name] for name in own.keys() - where} == {
        name: own[name] for name in own.keys() - where
    }
