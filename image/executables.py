"""Every program in the root image, each with the reason why it is there. A test holds the built image to this list.

A program is a file that the kernel would execute: everything else in the image has no execute permission. There is no
shell among them, and no interpreter but the one that runs PID 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from image.arch import Arch


@dataclass(frozen=True)
class Executable:
    """One program: where it is in the root, and why."""

    path: str
    why: str


KUBERNETES = (
    Executable("usr/bin/kubelet", "the node agent"),
    Executable("usr/bin/kube-apiserver", "mounted into its static pod, so that no big image is imported"),
    Executable("usr/bin/kube-controller-manager", "the same"),
    Executable("usr/bin/kube-scheduler", "the same"),
    Executable("usr/bin/kube-proxy", "the same, for its daemon set"),
)
SYSTEM = (
    Executable("usr/bin/python3.13", "runs PID 1, the controllers and the API"),
    Executable("usr/bin/containerd", "runs containers"),
    Executable("usr/bin/containerd-shim-runc-v2", "containerd starts one per pod"),
    Executable("usr/bin/ctr", "imports the preloaded images when containerd is up"),
    Executable("usr/bin/runc", "the shim makes containers with it"),
    Executable("usr/bin/etcd", "the cluster's store, on control-plane nodes"),
    Executable("usr/bin/xtables-nft-multi", "kube-proxy and portmap write their rules with it (iptables is a link to it)"),
    Executable("usr/bin/mount", "kubelet mounts volumes with it"),
    Executable("usr/bin/umount", "and unmounts them"),
    Executable("usr/bin/mke2fs", "formats STATE, EPHEMERAL and volumes"),
    Executable("usr/bin/mkfs.xfs", "formats user volumes that want XFS"),
    Executable("usr/bin/mkfs.fat", "formats the ESP of a disk that is installed on"),
    Executable("usr/bin/cryptsetup", "makes and opens LUKS2 volumes, changes their key slots"),
    Executable("usr/lib/cni/bridge", "connects a pod to the node's bridge"),
    Executable("usr/lib/cni/host-local", "gives a pod its address"),
    Executable("usr/lib/cni/loopback", "brings a pod's loopback up"),
    Executable("usr/lib/cni/portmap", "host ports of pods"),
)

# Names under which a program is called besides its own: link in the root → target.
LINKS = {
    f"usr/bin/{name}": "xtables-nft-multi"
    for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
} | {"usr/bin/mkfs.vfat": "mkfs.fat"}


def list_executables(arch: Arch, more: Iterable[Executable] = ()) -> tuple[Executable, ...]:
    """The whole list for one architecture, with those that module sets bring."""
    loader = Executable(arch.loader, "the dynamic loader of all the others")
    return tuple({item.path: item for item in (*SYSTEM, *KUBERNETES, loader, *more)}.values())
