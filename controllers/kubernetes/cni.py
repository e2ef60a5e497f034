"""The node's pod networks → the CNI configuration: a bridge with host-local addresses and port mappings.

The networks are those that the API server has for this node, which controller-manager allocates once and for ever. So
they are the same after a restart and never overlap with another node's. Until then pods of the host network run.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from controllers.kubernetes.rendering import render_json
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename, NodeStatus
from controllers.resources.machine import FileSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.containerd_config import CNI_CONF

PATH = f"{CNI_CONF}/10-ophite.conflist"


class CniController(Controller):
    """Renders the pod network."""

    name = "kubernetes.CniController"
    inputs = (Input(Nodename, id="nodename"), Input(NodeStatus))
    outputs = (Output(FileSpec, kind=SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One file."""
        nodename = view.get(Nodename, "nodename").spec.nodename
        networks = view.get(NodeStatus, nodename).spec.pod_cidrs
        if not networks:
            raise Waiting("the cluster to give this node a pod network (kube-controller-manager does)")
        yield Wanted(PATH, FileSpec(path=PATH, content=render_json(make_network(networks))))


def make_network(networks: tuple[str, ...]) -> dict[str, Any]:
    """Return the configuration list (CNI specification 0.3.1)."""
    default_routes = {4: "0.0.0.0/0", 6: "::/0"}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": "/var/lib/cni/networks",
            "ranges": [[{"subnet": network}] for network in networks],
            "routes": [{"dst": default_routes[ip_network(network).version]} for network in networks],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.3.1", "name": "ophite", "plugins": [bridge, portmap]}
