"""ClusterConfig → labels and taints of a control-plane node, which kubelet itself may not set (NodeRestriction).

The role label is always there; the taint that keeps ordinary pods away follows `allowSchedulingOnControlPlanes`.
Everything else on the node belongs to others and stays.
"""

from typing import Any

from controllers.config.documents import ClusterConfig, MachineConfig, MachineType
from controllers.kubernetes.api_client import get_client
from controllers.kubernetes.versions import parse_features
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename, NodeStatus
from controllers.resources.machine import VersionInfo
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, View
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER

ROLE_LABEL = "node-role.kubernetes.io/control-plane"
RETRY_INTERVAL = 5.0
"""Seconds to the next attempt, before patience."""


class NodeApplyController(Controller):
    """Keeps the node's role."""

    name = "kubernetes.NodeApplyController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(VersionInfo, id="version"),
        Input(Nodename, id="nodename"),
        Input(NodeStatus),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._done = ""
        """What was last found or made right, so that a heartbeat does not cost a request."""

    async def reconcile(self, view: View) -> None:
        """Read the node and patch what differs."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return
        nodename = view.get(Nodename, "nodename").spec.nodename
        view.get(NodeStatus, nodename)
        if not view.get(ServiceHealth, API_SERVER).spec.healthy:
            raise Waiting("the API server to answer /readyz")
        tainted = not view.get(ClusterConfig, "default").spec.allow_scheduling_on_control_planes
        taint = parse_features(view.get(VersionInfo, "version").spec.kubernetes).control_plane_taint
        wanted = f"{nodename} {tainted}"
        if self._done == wanted:
            return
        try:
            client = get_client(view, self._patience)
            node = await client.find_node(nodename)
            if node is None:
                raise RequestError("kubelet has not registered the node")
            if patch := plan_patch(node, taint, tainted):
                await client.patch_node(nodename, patch)
        except RequestError as error:
            view.wake_after(RETRY_INTERVAL * self._patience)
            raise Waiting(f"the API server to take the node's role: {error.message}") from error
        self._done = wanted


def plan_patch(node: dict[str, Any], taint: str, tainted: bool) -> dict[str, Any]:
    """Return the merge patch that makes a Node right, empty when it is.

    A patch of taints replaces the whole list, so it carries the version that it was made from.
    """
    metadata, spec = node.get("metadata") or {}, node.get("spec") or {}
    patch: dict[str, Any] = {}
    if (metadata.get("labels") or {}).get(ROLE_LABEL) != "":
        patch["metadata"] = {"labels": {ROLE_LABEL: ""}}
    taints = list(spec.get("taints") or ())
    others = [one for one in taints if one.get("key") != taint]
    wanted = [*others, {"key": taint, "effect": "NoSchedule"}] if tainted else others
    if (len(others) != len(taints)) is not tainted:
        patch["spec"] = {"taints": wanted or None}
        patch.setdefault("metadata", {})["resourceVersion"] = metadata.get("resourceVersion")
    return patch
