"""Small machines in QEMU: a worker with 1 GiB whose kubelet runs, a control plane with 2 GiB, and no process that is killed.

What is measured is said on the terminal and kept in build/test-artifacts; docs/low-memory.md has the numbers of a quiet host.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from image.accelerator import TCG
from tests.conftest import ARTIFACTS, Progress
from tests.harness.lifecycle import Node
from tests.harness.nodes import Running, build_test_image, create, destroy
from tests.harness.scenario import Scenario
from tests.harness.workers import MIB, Small, find_killed, measure

pytestmark = [
    pytest.mark.vm,
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="a control plane in namespaces needs root"),
]

NAME, CONTROL_PLANE = "low-memory", "low-memory-2g"
START, JOIN = 60, 120  # seconds, native: until the API answers; until containerd, the certificate and kubelet are there
LEFT = 256  # MiB of 1 GiB that are available beside everything that is the node's own


def keep(name: str, found: dict[str, Any]) -> None:
    """Write a measurement down."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


@pytest.fixture
def small(progress: Progress, request: pytest.FixtureRequest) -> Iterator[Small]:
    """A control plane that is up, and a worker with 1 GiB that is off."""
    before = request.session.testsfailed
    build_test_image(progress)
    made = Small.create(progress, NAME, 1024)
    yield made
    if request.session.testsfailed > before:
        made.control_plane.save_artifacts(ARTIFACTS / NAME)
        made.worker.running.save_artifacts(ARTIFACTS / made.worker.cluster.name)
    made.destroy()


def test_a_worker_with_1_gib_joins_and_runs_its_kubelet(small: Small) -> None:
    worker = small.worker
    worker.power_on()
    worker.wait("the API in maintenance", worker.find_addresses_in_maintenance, START)
    worker.took("API answers in maintenance")
    worker.apply(insecure=True)
    worker.wait("the worker's own certificate", small.trust, START)
    worker.took("configured")
    # Its certificate is made anew while it learns its names, so it is pinned anew each time.
    worker.wait("kubelet", lambda: small.trust() and is_healthy(worker, "kubelet"), JOIN)
    worker.took("kubelet runs")
    name = worker.get("Nodename", "nodename")["nodename"]
    worker.wait("a Ready node", lambda: small.find_node(name) == "Ready", JOIN)
    worker.took("node Ready")
    worker.wait("kube-proxy", lambda: set(small.find_pods(name).values()) == {"Running"}, JOIN)
    worker.took("kube-proxy runs")
    found = measure(worker.running)
    keep(NAME, {"seconds_since_power_on": worker.times, **found})
    assert int(found["total"]) < 1024 * MIB
    assert int(found["available"]) > LEFT * MIB
    assert find_killed(worker.ophite("dmesg")) == []
    assert find_killed(worker.read_console()) == []


def is_healthy(node: Node, service: str) -> bool:
    """Does a service run and answer?"""
    status = node.get("ServiceStatus", service)
    return status["state"] == "running" and bool(status["healthy"])


@pytest.fixture
def control_plane(progress: Progress, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A machine with 2 GiB, powered on, without a configuration."""
    before = request.session.testsfailed
    build_test_image(progress)
    destroy(CONTROL_PLANE)
    node = create(progress, CONTROL_PLANE, "--no-up", "--memory", "2048")
    yield node
    if request.session.testsfailed > before:
        node.save_artifacts(ARTIFACTS / CONTROL_PLANE)
    destroy(CONTROL_PLANE)


def test_a_control_plane_with_2_gib_becomes_ready_and_runs_a_pod(control_plane: Running) -> None:
    node = control_plane
    emulated = (node.cluster.node_directory / "accelerator").read_text() == TCG.name
    scenario = Scenario(node, TCG.patience if emulated else 1, time.monotonic())
    scenario.wait_for_maintenance()
    scenario.apply_configuration()
    scenario.bootstrap()
    scenario.wait_until_ready()
    scenario.run_pod()
    found = measure(node)
    keep(CONTROL_PLANE, {"seconds_since_power_on": scenario.times, **found})
    assert int(found["total"]) < 2048 * MIB
    assert find_killed(node.ophite("dmesg")) == []
