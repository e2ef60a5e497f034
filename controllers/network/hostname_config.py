"""HostnameConfigController: what the host should be called, by layer."""

from collections.abc import Iterator

from controllers.config.checks import is_dns_name
from controllers.config.documents import HostnameConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.network.operator_config import OBSERVED_PLATFORM
from controllers.network.stable_name import make_stable_name, read_product_id
from controllers.ports import Ports
from controllers.resources.machine import NodeIdentity, PlatformInfo
from controllers.resources.network import NETWORK_CONFIG, HostnameSpec, Layer
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

HOSTNAME = "hostname"


class HostnameConfigController(Controller):
    """Document, command line and the machine's identity → HostnameSpec of layers default, cmdline and configuration."""

    name = "network.HostnameConfigController"
    inputs = (Input(HostnameConfig), Input(NodeIdentity, id="node"), Input(PlatformInfo, id="platform"))
    outputs = (Output(HostnameSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        given = ports.cmdline.get("ophite.hostname", "")
        self._cmdline = given if is_dns_name(given) else parse_ip_parameter(ports.cmdline.get("ip", "")).hostname
        self._product_id = read_product_id(ports.paths.sys)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        stable = self._find_stable(view)
        documents = [document.spec.hostname or stable for document in view.list(HostnameConfig)]
        names = {Layer.DEFAULT: stable, Layer.CMDLINE: self._cmdline, Layer.CONFIGURATION: "".join(documents[:1])}
        if not any(names.values()):
            view.get(NodeIdentity, "node")  # the only thing that can still name the machine: wait for it
        for layer, name in names.items():
            if name:
                yield _wanted(layer, name)

    def _find_stable(self, view: View) -> str:
        """Return the name that the machine's identity gives, or nothing while it has none."""
        # The firmware's id is the host's, and so the same for all nodes, where nodes are namespaces.
        platform = view.get(PlatformInfo, "platform").spec.platform
        product = "" if platform == OBSERVED_PLATFORM else self._product_id
        node = view.find(NodeIdentity, "node")
        identity = product or (node.spec.node_id if node else "")
        return make_stable_name(identity) if identity else ""


def _wanted(layer: Layer, name: str) -> Wanted:
    host, _, domain = name.lower().partition(".")
    return Wanted(layered_id(layer, HOSTNAME), HostnameSpec(hostname=host, domain=domain))
