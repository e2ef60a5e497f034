"""Virtual machines inside pods (KubeVirt, Kata), and PCI devices that are handed to them or to user space (DPDK)."""

from __future__ import annotations

from image.sets.moduleset import ModuleSet

SET = ModuleSet(
    name="virtualization",
    summary="KVM, vhost and VFIO, for virtual machines in pods and for devices handed to user space",
    modules=("kvm", "?kvm_intel", "?kvm_amd", "vhost_net", "vhost_vsock", "macvtap", "vfio_pci", "vfio_iommu_type1"),
    firmware=("amd64-microcode:amd64",),
)
