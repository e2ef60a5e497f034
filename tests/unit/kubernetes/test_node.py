"""The node as the cluster has it: status, role, pod network, static pods."""

import json
from pathlib import Path
from typing import Any

import pytest

from controllers.kubernetes import api_client, static_pod_status
from controllers.kubernetes.cni import PATH, CniController, make_network
from controllers.kubernetes.joining import CURRENT, LIMIT, find_join_directory, make_reader, make_worker_client
from controllers.kubernetes.node_apply import ROLE_LABEL, NodeApplyController, plan_patch
from controllers.kubernetes.node_status import NodeStatusController, parse_node
from controllers.kubernetes.static_pod_status import StaticPodStatusController, parse_pods
from controllers.ports import Paths, Ports
from controllers.resources.kubernetes import Nodename, NodeStatus, StaticPodStatus
from controllers.resources.machine import FileSpec
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Identity, Response
from tests.harness.reconcile import run_reconcile, run_reconcile_async
from tests.unit.kubernetes.golden import check_golden
from tests.unit.kubernetes.world import ENDPOINT, health, leaf, only, root, without, worker, world

TAINT = "node-role.kubernetes.io/control-plane"
NODE = {
    "metadata": {"name": "cp1", "resourceVersion": "7", "labels": {"a": "b"}},
    "spec": {
        "podCIDRs": ["10.244.0.0/24"],
        "taints": [{"key": TAINT, "effect": "NoSchedule"}, {"key": "other", "effect": "NoExecute"}],
    },
    "status": {"conditions": [{"type": "Ready", "status": "False", "message": "cni plugin not initialized"}]},
}
PODS = {
    "items": [
        {
            "metadata": {
                "name": "kube-apiserver-cp1",
                "namespace": "kube-system",
                "annotations": {"kubernetes.io/config.source": "file"},
            },
            "status": {"phase": "Running", "containerStatuses": [{"ready": True, "state": {"running": {}}}]},
        },
        {
            "metadata": {
                "name": "kube-scheduler-cp1",
                "namespace": "kube-system",
                "annotations": {"kubernetes.io/config.source": "file"},
            },
            "status": {
                "phase": "Pending",
                "containerStatuses": [
                    {"ready": False, "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no image"}}}
                ],
            },
        },
        {"metadata": {"name": "web", "namespace": "default"}, "status": {"phase": "Running"}},
    ]
}


class Api:
    """Answers requests of the module's `send`, and remembers them."""

    def __init__(self, status: int = 200, body: Any = None) -> None:
        self.status, self.body = status, body
        self.error = ""
        self.requests: list[tuple[str, str, Any]] = []
        self.endpoint: Endpoint | None = None

    async def __call__(self, endpoint: Endpoint, method: str, path: str, body: Any = None, content_type: str = "") -> Response:
        if self.error:
            raise RequestError(self.error)
        self.requests.append((method, path, body))
        self.endpoint = endpoint
        return Response(self.status, json.dumps(self.body).encode())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    fake = Api(body=NODE)
    monkeypatch.setattr(api_client, "send", fake)
    monkeypatch.setattr(static_pod_status, "send", fake)
    return fake


def test_parse_node() -> None:
    status = parse_node(NODE)
    assert status == NodeStatus(ready=False, message="cni plugin not initialized", pod_cidrs=("10.244.0.0/24",))
    ready = parse_node({"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert ready == NodeStatus(ready=True, schedulable=False)


async def test_node_status_keeps_the_pod_network_while_the_api_is_away(api: Api) -> None:
    controller = NodeStatusController(Ports())
    resources = only(controller, world())
    (wanted,) = await run_reconcile_async(controller, resources)
    assert wanted.spec == parse_node(NODE)
    api.error = "refused"
    (wanted,) = await run_reconcile_async(controller, resources, own=[new("cp1", wanted.spec)])
    assert wanted.spec == NodeStatus(ready=False, message="refused", pod_cidrs=("10.244.0.0/24",))
    sick = [*(r for r in resources if r.id != "kube-apiserver"), health("kube-apiserver", False)]
    (wanted,) = await run_reconcile_async(controller, sick, own=[new("cp1", wanted.spec)])
    assert wanted.spec == NodeStatus(ready=False, message="waits for the API server", pod_cidrs=("10.244.0.0/24",))


async def test_a_node_that_has_not_registered(api: Api) -> None:
    api.status = 404
    controller = NodeStatusController(Ports())
    (wanted,) = await run_reconcile_async(controller, only(controller, world()))
    assert wanted.spec == NodeStatus(ready=False, message="kubelet has not registered the node")


async def test_a_worker_asks_the_cluster_s_endpoint_as_its_kubelet(api: Api, tmp_path: Path) -> None:
    controller = NodeStatusController(Ports(paths=Paths(tmp_path)))
    resources = only(controller, worker())
    (wanted,) = await run_reconcile_async(controller, resources)
    assert wanted.spec == NodeStatus(ready=False, message="kubelet has no certificate of the cluster yet")
    assert api.requests == []
    directory = tmp_path / find_join_directory(ENDPOINT, "kubernetes CA", "cp1").lstrip("/")
    directory.mkdir(parents=True)
    (directory / CURRENT).write_text("CERTIFICATE AND KEY")
    (wanted,) = await run_reconcile_async(controller, resources)
    assert wanted.spec == parse_node(NODE)
    assert api.endpoint is not None
    assert (api.endpoint.host, api.endpoint.port) == ("192.0.2.10", 6443)
    assert api.endpoint.identity == Identity("kubernetes CA", "CERTIFICATE AND KEY", "", server_name="192.0.2.10")


def test_what_a_worker_was_given_counts_for_one_name_in_one_cluster() -> None:
    asked = [("https://a:6443", "CA", "one"), ("https://b:6443", "CA", "one"), ("https://a:6443", "CB", "one")]
    found = {find_join_directory(*words) for words in [*asked, ("https://a:6443", "CA", "two")]}
    assert len(found) == 4
    assert find_join_directory("https://a:6443", "CA\n", "one") in found


async def test_a_certificate_that_is_no_text_is_none(api: Api, tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match="no certificate"):
        make_worker_client(ENDPOINT, "CA", "/", make_reader(tmp_path), 1.0)
    (tmp_path / CURRENT).write_bytes(b"x" * (LIMIT + 1))
    assert len(make_reader(tmp_path)(f"/{CURRENT}")) == LIMIT


def test_plan_patch() -> None:
    assert plan_patch(NODE, TAINT, tainted=True) == {"metadata": {"labels": {ROLE_LABEL: ""}}}
    opened = plan_patch(NODE, TAINT, tainted=False)
    assert opened["spec"] == {"taints": [{"key": "other", "effect": "NoExecute"}]}
    assert opened["metadata"]["resourceVersion"] == "7"
    right = {"metadata": {"labels": {ROLE_LABEL: ""}}, "spec": {}}
    assert plan_patch(right, TAINT, tainted=False) == {}
    assert plan_patch(right, TAINT, tainted=True)["spec"] == {"taints": [{"key": TAINT, "effect": "NoSchedule"}]}


async def test_node_apply_patches_once(api: Api) -> None:
    controller = NodeApplyController(Ports())
    for _ in range(2):
        await run_reconcile_async(controller, only(controller, world("1.34.0")))
    assert [method for method, _, _ in api.requests] == ["GET", "PATCH"]
    api.error = "refused"
    fresh = NodeApplyController(Ports())
    with pytest.raises(Waiting, match="the node's role: refused"):
        await run_reconcile_async(fresh, only(fresh, world()))


def test_cni_golden_and_waiting() -> None:
    controller = CniController(Ports())
    (wanted,) = run_reconcile(controller, only(controller, world()))
    assert isinstance(wanted.spec, FileSpec)
    assert wanted.id == PATH
    check_golden("10-ophite.conflist", wanted.spec.content)
    with pytest.raises(Waiting, match="a pod network"):
        run_reconcile(controller, [new("nodename", Nodename(nodename="cp1")), new("cp1", NodeStatus(ready=False))])


def test_cni_of_two_families() -> None:
    routes = make_network(("10.244.0.0/24", "2001:db8::/64"))["plugins"][0]["ipam"]["routes"]
    assert routes == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]


def test_parse_pods() -> None:
    assert parse_pods(PODS) == {
        "kube-system/kube-apiserver-cp1": StaticPodStatus(ready=True, phase="Running"),
        "kube-system/kube-scheduler-cp1": StaticPodStatus(ready=False, phase="Pending", message="ErrImageNeverPull: no image"),
    }


async def test_static_pod_status(api: Api) -> None:
    api.body = PODS
    controller = StaticPodStatusController(Ports())
    resources = [*only(controller, without(world())), leaf("kube-apiserver-kubelet-client"), root("kubernetes")]
    assert len(await run_reconcile_async(controller, resources)) == 2
    api.status = 403
    with pytest.raises(Waiting, match="it says 403"):
        await run_reconcile_async(controller, resources)


async def test_kubelet_is_not_asked_while_it_cannot_ask_the_api_server(api: Api) -> None:
    controller = StaticPodStatusController(Ports())
    healthy = [r for r in only(controller, without(world())) if r.id != "kube-apiserver"]
    resources = [*healthy, leaf("kube-apiserver-kubelet-client"), root("kubernetes")]
    sick = health("kube-apiserver", False)
    with pytest.raises(Waiting, match="kube-apiserver to be healthy"):
        await run_reconcile_async(controller, [*resources, sick])
    assert api.requests == []
