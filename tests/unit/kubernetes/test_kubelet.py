"""kubelet: golden configuration and flags per version, and what it waits for."""

import json
from typing import Any

import pytest

from controllers.config.documents import MachineType
from controllers.kubernetes.kubelet_config import KubeletConfigController
from controllers.kubernetes.kubelet_service import KubeletServiceController
from controllers.kubernetes.layout import KUBELET_CONFIG
from controllers.ports import Ports
from controllers.resources.machine import FileSpec, FileStatus, PlatformInfo
from controllers.resources.services import ImageImport, ServiceHealth, ServiceSpec
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile
from tests.unit.kubernetes.golden import VERSIONS, check_golden
from tests.unit.kubernetes.world import cluster, files, health, machine, only, without, worker, world


def want_config(resources: list[Resource[Any]], patience: float = 1.0) -> str:
    controller = KubeletConfigController(Ports(patience=patience))
    (wanted,) = run_reconcile(controller, only(controller, resources))
    assert isinstance(wanted.spec, FileSpec)
    assert wanted.id == KUBELET_CONFIG
    return wanted.spec.content


def want_service(resources: list[Resource[Any]], own: list[Resource[Any]] | None = None) -> ServiceSpec:
    controller = KubeletServiceController(Ports())
    (wanted,) = run_reconcile(controller, only(controller, resources), own=own or [])
    assert isinstance(wanted.spec, ServiceSpec)
    return wanted.spec


@pytest.mark.parametrize("version", VERSIONS)
def test_golden(version: str) -> None:
    check_golden(f"kubelet-config-{version}.json", want_config(world(version)))
    check_golden(f"kubelet-argv-{version}.txt", "\n".join(want_service(world(version)).argv) + "\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_golden_of_a_worker(version: str) -> None:
    check_golden(f"worker-kubelet-config-{version}.json", want_config(worker(version)))
    check_golden(f"worker-kubelet-argv-{version}.txt", "\n".join(want_service(worker(version)).argv) + "\n")


def test_namespaces_leave_the_kernel_alone() -> None:
    resources = [*without(world(), PlatformInfo), new("platform", PlatformInfo(platform="namespaces"))]
    assert '"protectKernelDefaults": false' in want_config(resources)
    assert '"protectKernelDefaults": true' in want_config(world())


def test_patience_stretches_time_outs() -> None:
    assert '"nodeLeaseDurationSeconds": 200' in want_config(world(), patience=20.0)


def test_a_small_machine_promises_pods_less() -> None:
    controller = KubeletConfigController(Ports(memory=905 << 20))
    (wanted,) = run_reconcile(controller, only(controller, worker()))
    assert isinstance(wanted.spec, FileSpec)
    config = json.loads(wanted.spec.content)
    assert config["systemReserved"]["memory"] == "320Mi"
    assert config["evictionHard"]["memory.available"] == "64Mi"
    service = KubeletServiceController(Ports(memory=905 << 20))
    (wanted,) = run_reconcile(service, only(service, worker()))
    assert isinstance(wanted.spec, ServiceSpec)
    assert wanted.spec.env["GOGC"] == "50"


def test_taint_follows_the_cluster() -> None:
    scheduled = [*without(world("1.34.0"), type(cluster().spec)), cluster(allow=True)]
    assert "registerWithTaints" in want_config(world("1.34.0"))
    assert "registerWithTaints" not in want_config(scheduled)
    assert "--register-with-taints=node-role.kubernetes.io/master=:NoSchedule" in want_service(world("1.20.2")).argv


def test_new_certificates_do_not_restart_it() -> None:
    others = [*without(world(), FileStatus), *files(client="new", serving="new", kubeconfig="new")]
    assert want_service(others) == want_service(world())
    changed = [*without(world(), FileStatus), *files(config="new")]
    assert want_service(changed) != want_service(world())


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (without(world(), FileStatus), "kubeconfig to be written"),
        ([*without(world(), ServiceHealth), health("containerd", False)], "containerd to be healthy"),
        (without(world(), ImageImport), "the import of ophite.local/pause:1$"),
        ([*without(world(), ImageImport), new("x", ImageImport(error="bad tar"))], "which failed: bad tar"),
        (
            [*without(world(), FileStatus, type(machine().spec)), machine(MachineType.WORKER)],
            "bootstrap-kubeconfig to be written",
        ),
    ],
)
def test_it_says_what_it_waits_for(resources: list[Resource[Any]], reason: str) -> None:
    with pytest.raises(Waiting, match=reason):
        want_service(resources)


def test_a_sick_containerd_does_not_stop_it() -> None:
    running = new("kubelet", want_service(world()))
    sick = [*without(world(), ServiceHealth, ImageImport), health("containerd", False)]
    assert want_service(sick, own=[running]) == running.spec
