"""A full node in namespaces: from nothing to a running pod, through kills and a reboot, twice, with nothing left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.cluster_state import find_clusters_root
from tests.conftest import ARTIFACTS, Progress
from tests.harness.leftovers import Leftovers
from tests.harness.nodes import Running, build_test_image, create, destroy, wait_for
from tests.harness.scenario import POD_TEXT, Scenario
from tests.harness.serving import answer_requests

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

NAME = "namespaces-node"


@pytest.fixture(scope="module", autouse=True)
def image(progress: Progress) -> Path:
    """The image, built before the first node."""
    return build_test_image(progress)


@pytest.fixture
def before() -> Iterator[Leftovers]:
    """The host before the node; afterwards it is the same."""
    destroy(NAME)
    directory = find_clusters_root() / NAME
    picture = Leftovers.take(NAME, directory)
    yield picture
    destroy(NAME)
    assert Leftovers.take(NAME, directory) == picture
    assert not directory.exists()


@pytest.mark.parametrize("run", ["first", "second"])
def test_from_nothing_to_a_pod(run: str, before: Leftovers, progress: Progress) -> None:
    progress(f"{run} run")
    began = time.monotonic()
    node = create(progress, NAME, "--provisioner", "namespaces", "--no-up")
    scenario = Scenario(node, 1, began)
    try:
        play(scenario, through_failures=run == "first")
    except BaseException:
        node.save_artifacts(ARTIFACTS / f"{NAME}-{run}")
        raise
    scenario.save(ARTIFACTS / f"{NAME}-{run}.json", resident_bytes=scenario.measure_memory())


def play(scenario: Scenario, *, through_failures: bool) -> None:
    """The steps of a node's life."""
    scenario.wait_for_maintenance()
    scenario.apply_configuration()
    scenario.bootstrap()
    scenario.wait_until_ready()
    scenario.run_pod()
    answer_requests(scenario.node)
    scenario.took("workers' requests answered")
    if through_failures:
        scenario.kill_brain_and_face()
        reboot(scenario)


def reboot(scenario: Scenario) -> None:
    """The API's reboot starts the node again, with its configuration, its etcd and its pod."""
    node = scenario.node
    keeper_runs = count_starts(node)
    node.ophite("reboot", "--force")
    wait_for("another start", lambda: count_starts(node) > keeper_runs, 120)
    wait_for("the API", lambda: node.ophite("version", timeout=30), 60)
    scenario.wait_until_ready()
    scenario.wait_for_log("hello", POD_TEXT, 120)
    scenario.took("pod back after the reboot")


def count_starts(node: Running) -> int:
    """How often PID 1 has come up."""
    return node.console.count("stage 2 done")
