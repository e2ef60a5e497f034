"""Which kernel modules the node needs: a list, volumes, devices, `KernelModuleConfig` documents → `KernelModuleSpec`.

The kernel cannot load a module by itself, for there is no modprobe to call: what will be needed is loaded before. In
namespaces the kernel is the host's, and nothing is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from controllers.block.volume_modules import find_modules
from controllers.config.documents.kernel_module_config import KernelModuleConfig
from controllers.ports import Ports
from controllers.resources.block import DiscoveredVolume, VolumeSpec
from controllers.resources.hardware import DeviceModule
from controllers.resources.machine import KernelModuleSpec, PlatformInfo
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.services.memory_profile import find_profile

REQUIRED = {
    "ext4": "STATE and EPHEMERAL",
    "overlay": "container file systems",
    "bridge": "the pod network",
    "br_netfilter": "services see bridged packets",
    "veth": "a pod's interface",
    "nf_conntrack": "services, network policy",
    "nf_nat": "services",
    "nf_tables": "iptables by way of nftables",
    "nft_compat": "iptables matches in nftables",
    "nft_chain_nat": "services",
}
XTABLES = ("comment", "conntrack", "mark", "nat", "MASQUERADE", "REDIRECT", "statistic", "multiport", "addrtype", "physdev")
XTABLES_MORE = ("recent", "tcpudp", "set", "limit", "TCPMSS", "CT")
OPTIONAL = {
    "virtio_net": "network of virtual machines",
    "vfat": "the EFI system partition: installation, upgrades",
    "nls_cp437": "names on it",
    "nls_ascii": "names on it",
    "nf_conntrack_netlink": "kube-proxy removes stale UDP flows",
    **{f"xt_{name}": "rules of kube-proxy and CNI plugins" for name in (*XTABLES, *XTABLES_MORE)},
    "ip_set": "sets of addresses for network policy",
    "ipt_REJECT": "services without endpoints",
    "ip6t_REJECT": "services without endpoints",
}
COMPANIONS = {
    "genet": ("broadcom",),
    "macb": ("broadcom",),
    "lan78xx": ("microchip",),
    "smsc95xx": ("smsc",),
    "brcmfmac": ("brcmfmac_wcc", "brcmfmac_cyw"),
    "iwlwifi": ("iwlmvm", "iwldvm"),
    "mlx4_core": ("mlx4_en",),
}
"""What a driver would have modprobe load while it starts: chips of its network port, parts for the makers of its firmware."""


class ModulesConfigController(Controller):
    """`KernelModuleConfig`, volumes, devices, the list → `KernelModuleSpec`.

    A document adds parameters to a module of the list, or denies it.
    """

    name = "machine.ModulesConfigController"
    inputs = (
        Input(KernelModuleConfig),
        Input(VolumeSpec),
        Input(DiscoveredVolume),
        Input(DeviceModule),
        Input(PlatformInfo, id="platform"),
    )
    outputs = (Output(KernelModuleSpec),)

    def __init__(self, ports: Ports) -> None:
        self._short_of_memory = find_profile(ports.memory).compressed > 0

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if view.get(PlatformInfo, "platform").spec.platform == "namespaces":
            return []
        specs = {name: KernelModuleSpec(name=name) for name in REQUIRED}
        specs |= {name: KernelModuleSpec(name=name, required=False) for name in OPTIONAL}
        if self._short_of_memory:
            specs["zram"] = KernelModuleSpec(name="zram", required=False, reason="swap in compressed memory")
        volumes = [one.spec for one in view.list(VolumeSpec)], [one.spec for one in view.list(DiscoveredVolume)]
        for name, reason in find_modules(*volumes, os.uname().machine).items():
            specs.setdefault(name, KernelModuleSpec(name=name, required=False, reason=reason))
        for device in view.list(DeviceModule):
            for name in (device.id, *COMPANIONS.get(device.id, ())):
                specs.setdefault(name, KernelModuleSpec(name=name, required=False, reason=describe(device.spec)))
        for one in view.list(KernelModuleConfig):
            name = one.spec.name.replace("-", "_")
            if one.spec.denied:
                specs.pop(name, None)
            else:
                specs[name] = KernelModuleSpec(name=name, parameters=one.spec.parameters)
        return [Wanted(name, spec) for name, spec in specs.items()]


def describe(module: DeviceModule) -> str:
    """Return which devices want a module, in words."""
    more = module.count - len(module.devices)
    return "device " + ", ".join(module.devices) + (f" and {more} more" if more > 0 else "")
