"""A node in QEMU, from a disk image to a pod, through 40 killed processes and a reboot: what a user and an intruder see.

The tests run in their order on one machine, which boots by UEFI. What they need is emulated where KVM cannot be used; then a
step takes minutes. Times and sizes are in build/test-artifacts/node.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from image.accelerator import TCG
from image.cluster import make_machine
from tests.conftest import ARTIFACTS, Progress
from tests.harness.nodes import Running, build_test_image, create, destroy
from tests.harness.scenario import POD_TEXT, Scenario
from tests.vm.expected import find_unexpected_mounts, find_unexpected_ports, find_unexpected_processes

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

NAME = "vm-node"


@pytest.fixture(scope="module")
def scenario(progress: Progress, request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """A node that was just powered on, without a configuration."""
    failed_before = request.session.testsfailed
    build_test_image(progress)
    destroy(NAME)
    progress("powering the node on")
    began = time.monotonic()
    node = create(progress, NAME, "--no-up", "--boot", "uefi")
    patience = TCG.patience if (node.cluster.node_directory / "accelerator").read_text() == TCG.name else 1
    yield Scenario(node, patience, began)
    if request.session.testsfailed > failed_before:
        node.save_artifacts(ARTIFACTS / NAME)
    destroy(NAME)


def test_the_api_answers_before_there_is_a_configuration(scenario: Scenario) -> None:
    scenario.wait_for_maintenance()


def test_three_commands_make_a_ready_node(scenario: Scenario) -> None:
    scenario.apply_configuration()
    scenario.bootstrap()
    scenario.wait_until_ready()


def test_a_pod_runs_and_its_log_can_be_read(scenario: Scenario) -> None:
    scenario.run_pod()


def test_only_what_is_listed_runs_listens_and_is_mounted(scenario: Scenario) -> None:
    node = scenario.node
    assert find_unexpected_processes(node.inspect("processes"), frozenset({"/bin/busybox", "busybox"})) == []
    assert find_unexpected_ports(node.inspect("sockets")) == []
    assert find_unexpected_mounts(node.inspect("mounts")) == []


def test_memory_of_the_three_processes(scenario: Scenario) -> None:
    memory = scenario.measure_memory()
    assert set(memory) == {"init", "controllers", "api"}
    assert memory["init"] < 32 << 20
    scenario.save(ARTIFACTS / "node.json", resident_bytes=memory)


def test_killing_the_brain_and_the_api_touches_nothing_else(scenario: Scenario) -> None:
    scenario.kill_brain_and_face()


def test_after_a_reboot_everything_is_back(scenario: Scenario) -> None:
    node = scenario.node
    node.kubectl("create", "configmap", "kept", "--from-literal=key=value")
    boot, pids = find_boot(node), scenario.find_pids()
    node.ophite("reboot", "--force")
    scenario.wait("another boot", lambda: find_boot(node) not in ("", boot), 90)
    scenario.took("API answers after the reboot")
    scenario.wait_until_ready()
    assert scenario.find_pids() != pids
    assert json.loads(node.kubectl("get", "configmap", "kept", "-o", "json"))["data"] == {"key": "value"}
    assert [item["spec"]["persisted"] for item in node.get("configstatus")] == [True]
    scenario.wait_for_log("hello", POD_TEXT, 120)
    scenario.took("pod back after the reboot")
    scenario.save(ARTIFACTS / "node.json", resident_bytes=scenario.measure_memory())


def test_shutdown_powers_the_machine_off(scenario: Scenario) -> None:
    process = make_machine(scenario.node.cluster).find_process()
    assert process is not None
    scenario.node.ophite("shutdown", "--force")
    assert process.wait(60 * scenario.patience)


def find_boot(node: Running) -> str:
    """The id of the kernel's present boot; empty while the API does not answer."""
    return str(next((item["spec"]["boot_id"] for item in node.get("platforminfo")), ""))
