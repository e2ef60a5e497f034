"""The API server's word on this node → NodeStatus: is it Ready, may pods come, which networks do its pods have.

A control plane asks its own API server, a worker the cluster's endpoint, as its kubelet.
Pod networks stay known while the API server is away: the pod network is made of them.
"""

from collections.abc import Iterable
from typing import Any

from controllers.config.documents import ClusterConfig, MachineConfig, MachineType
from controllers.kubernetes.api_client import ApiClient, get_client
from controllers.kubernetes.joining import find_join_directory, make_reader, make_worker_client
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename, NodeStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER, bound_patience

NOT_READY_INTERVAL, READY_INTERVAL = 2.0, 10.0
"""Seconds to the next look, times the patience factor."""


class NodeStatusController(Controller):
    """Looks at the node's own object."""

    name = "kubernetes.NodeStatusController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(Nodename, id="nodename"),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(NodeStatus),)

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._factor = bound_patience(ports.patience)
        self._read = make_reader(ports.paths.root)

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """One status; without an API server that answers, not ready and why."""
        nodename = view.get(Nodename, "nodename").spec.nodename
        known = next((r.spec.pod_cidrs for r in view.own(NodeStatus) if r.id == nodename), ())
        view.wake_after(NOT_READY_INTERVAL * self._factor)
        worker = view.get(MachineConfig, "default").spec.type is MachineType.WORKER
        if not worker and not view.get(ServiceHealth, API_SERVER).spec.healthy:
            return [Wanted(nodename, NodeStatus(ready=False, message="waits for the API server", pod_cidrs=known))]
        try:
            client = self._make_worker_client(view, nodename) if worker else get_client(view, self._patience)
            node = await client.find_node(nodename)
        except RequestError as error:
            return [Wanted(nodename, NodeStatus(ready=False, message=error.message, pod_cidrs=known))]
        status = parse_node(node) if node else NodeStatus(ready=False, message="kubelet has not registered the node")
        if status.ready and status.pod_cidrs:
            view.wake_seconds = READY_INTERVAL * self._factor
        return [Wanted(nodename, status)]

    def _make_worker_client(self, view: View, nodename: str) -> ApiClient:
        endpoint = view.get(ClusterConfig, "default").spec.endpoint
        ca = view.get(CertificateRoot, "kubernetes").spec.certificate
        directory = find_join_directory(endpoint, ca, nodename)
        return make_worker_client(endpoint, ca, directory, self._read, self._patience)


def parse_node(node: dict[str, Any]) -> NodeStatus:
    """Return what matters of a Node (Kubernetes API, core/v1)."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    conditions = {str(one.get("type")): one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    is_ready = ready.get("status") == "True"
    return NodeStatus(
        ready=is_ready,
        schedulable=not spec.get("unschedulable", False),
        message="" if is_ready else str(ready.get("message") or "kubelet has not reported yet"),
        pod_cidrs=tuple(str(one) for one in spec.get("podCIDRs") or ()),
    )
