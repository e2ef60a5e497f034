"""The control plane's static pods: golden per version, start order, and when a pod is replaced."""

import json
from typing import Any

import pytest

from controllers.config.documents import MachineType
from controllers.kubernetes.apiserver import ApiServerController
from controllers.kubernetes.controller_manager import ControllerManagerController
from controllers.kubernetes.scheduler import SchedulerController
from controllers.kubernetes.static_pods import StaticPodsController
from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod
from controllers.resources.machine import FileSpec, FileStatus
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile
from tests.unit.kubernetes.golden import VERSIONS, check_golden
from tests.unit.kubernetes.world import files, health, machine, only, without, world

COMPONENTS = (ApiServerController, ControllerManagerController, SchedulerController)


def want(controller: Controller, resources: list[Resource[Any]], own: list[Resource[Any]] | None = None) -> StaticPod:
    (wanted,) = run_reconcile(controller, only(controller, resources), own=own or [])
    assert isinstance(wanted.spec, StaticPod)
    return wanted.spec


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("component", COMPONENTS)
def test_golden(component: type[Any], version: str) -> None:
    pod = want(component(Ports()), world(version))
    name = json.loads(pod.manifest)["metadata"]["name"]
    check_golden(f"{name}-{version}.json", pod.manifest)


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_root_no_capabilities_and_only_its_own_secrets(component: type[Any]) -> None:
    pod = json.loads(want(component(Ports()), world()).manifest)
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsUser"] in (61, 62, 63)
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    paths = {volume["hostPath"]["path"] for volume in pod["spec"]["volumes"]}
    assert paths == {f"/usr/bin/{container['name']}", f"/run/ophite/pki/{container['name']}"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_replaced_only_for_what_is_read_once(component: type[Any]) -> None:
    before = want(component(Ports()), world()).version
    leaves = [*without(world(), FileStatus), *files(server="new", client="new")]
    authority = [*without(world(), FileStatus), *files(ca="new")]
    assert want(component(Ports()), leaves).version == before
    assert want(component(Ports()), authority).version != before


@pytest.mark.parametrize(
    ("component", "reason"), list(zip(COMPONENTS, ("etcd to be healthy", "/readyz", "/readyz"), strict=True))
)
def test_start_order(component: type[Any], reason: str) -> None:
    controller = component(Ports())
    sick = [*without(world(), ServiceHealth), health("etcd", False), health("kube-apiserver", False)]
    with pytest.raises(Waiting, match=reason):
        want(controller, sick)
    running = want(controller, world())
    assert want(controller, sick, own=[new("mine", running)]) == running


@pytest.mark.parametrize("component", COMPONENTS)
def test_nothing_kills_a_slow_component(component: type[Any]) -> None:
    (container,) = json.loads(want(component(Ports(patience=20.0)), world()).manifest)["spec"]["containers"]
    assert not {"livenessProbe", "startupProbe"} & container.keys()
    assert container["readinessProbe"]["timeoutSeconds"] == 40


@pytest.mark.parametrize("component", COMPONENTS)
def test_none_on_a_worker(component: type[Any]) -> None:
    controller = component(Ports())
    resources = [*without(world(), type(machine().spec)), machine(MachineType.WORKER)]
    assert run_reconcile(controller, only(controller, resources)) == []


def test_a_static_pod_becomes_a_file() -> None:
    (wanted,) = run_reconcile(StaticPodsController(Ports()), [new("x", StaticPod(manifest="{}", version="1"))])
    path = "/run/ophite/kubernetes/manifests/x.json"
    assert (wanted.id, wanted.spec) == (path, FileSpec(path=path, content="{}", mode=0o400))
