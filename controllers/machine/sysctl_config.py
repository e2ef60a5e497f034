"""Which kernel settings the node needs: what kubelet checks for and pods rely on, and `SysctlConfig` → `SysctlSpec`.

The hardening that holds for every process is set by PID 1 before anything starts; this list is Kubernetes' share
(kubelet's `protectKernelDefaults`, forwarding, bridged packets through iptables).
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.config.documents.sysctl_config import SysctlConfig
from controllers.ports import Ports
from controllers.resources.machine import PlatformInfo, SysctlSpec
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.services.memory_profile import find_profile

DEFAULTS = {
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "kernel.keys.root_maxkeys": "1000000",
    "kernel.keys.root_maxbytes": "25000000",
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.forwarding": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.core.somaxconn": "65535",
    "fs.inotify.max_user_instances": "8192",
    "fs.inotify.max_user_watches": "524288",
    "vm.max_map_count": "262144",
}
COMPRESSED = {"vm.swappiness": "100", "vm.page-cluster": "0"}  # swap in memory: as cheap as reading a file, page by page


class SysctlConfigController(Controller):
    """`SysctlConfig`, the list → `SysctlSpec`. The document wins. In namespaces nothing is required."""

    name = "machine.SysctlConfigController"
    inputs = (Input(SysctlConfig), Input(PlatformInfo, id="platform"))
    outputs = (Output(SysctlSpec),)

    def __init__(self, ports: Ports) -> None:
        self._short_of_memory = find_profile(ports.memory).compressed > 0

    def reconcile(self, view: View) -> Iterable[Wanted]:
        required = view.get(PlatformInfo, "platform").spec.platform != "namespaces"
        values = {**DEFAULTS, **(COMPRESSED if self._short_of_memory and required else {})}
        for one in view.list(SysctlConfig):
            values |= {key.replace("/", ".") if "." not in key else key: value for key, value in one.spec.sysctls.items()}
        return [Wanted(key, SysctlSpec(key=key, value=value, required=required)) for key, value in values.items()]
