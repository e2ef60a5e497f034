"""Disks and network of hypervisors other than KVM: what the cloud kernel's virtio does not reach."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="hypervisors",
    summary="guests of VMware, Hyper-V and Xen: disks, network, clock and shutdown",
    stage1=("?vmw_pvscsi", "?mptspi", "?hv_storvsc", "?xen_blkfront", "sd_mod"),
    modules=(
        "?vmxnet3",
        "?hv_netvsc",
        "?hv_utils",
        "?hv_balloon",
        "?xen_netfront",
        "?vmw_balloon",
        "?vmw_vsock_vmci_transport",
    ),
)
