"""Decides whether KVM may be used, by booting a kernel with it.

That /dev/kvm can be opened proves little: nested hypervisors exist on which every stock kernel dies in its first second.
So the image's own kernel is started without a root: a working KVM ends in the panic that there is none, within seconds.
The answer is kept until the host boots again. Without KVM, or for another architecture, the processor is emulated, about 20
times slower for Go programs, and the node multiplies every time-out by that.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from image.arch import get_host_arch
from image.cache import Cache, digest
from image.qemu_boards import Emulated
from image.qemu_packages import Qemu

KVM_DEVICE = Path("/dev/kvm")
PROBE_SECONDS = 20.0
PROBE_OPTIONS = ("-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot")
PROBE_COMMAND_LINE = "console=ttyS0 panic=-1 root=/dev/none"
PROOF = b"Unable to mount root fs"  # init/do_mounts.c: the kernel came all the way to its root file system


@dataclass(frozen=True)
class Accelerator:
    """What QEMU is told about the processor, and the patience that the node needs with it."""

    name: str
    options: tuple[str, ...]
    patience: int


KVM = Accelerator("kvm", ("-accel", "kvm", "-cpu", "host"), 1)
# MiB of translated code, the most that QEMU takes. The programs of one Kubernetes node need more than 512 MiB; when it is full
# all of it is thrown away and translated again. Memory is taken only as it fills.
TRANSLATED = 2047


def emulate(processor: str, cpus: int = 0) -> Accelerator:
    """The emulation of processors, by QEMU's name of them. In: how many a board has for good, 0 for as many as are wanted.

    More of them than the host has would wait for one that does not run, until their kernel sees stalls; so they take turns.
    """
    thread = "multi" if cpus <= (os.cpu_count() or 1) else "single"
    return Accelerator("tcg", ("-accel", f"tcg,thread={thread},tb-size={TRANSLATED}", "-cpu", processor), 20)


TCG = emulate("max")


def get_accelerator(qemu: Qemu, hardware: Emulated, kernel: Path) -> Accelerator:
    """KVM if a kernel really boots with it, else TCG."""
    machine = hardware.machine
    if hardware.arch != get_host_arch().name or not hardware.pci or not KVM_DEVICE.exists():
        return emulate(hardware.processor, hardware.cpus)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def probe(directory: Path) -> None:
        works = probe_kvm(qemu, machine, kernel)
        (directory / "works").write_text("yes" if works else "no")

    entry = Cache.default().entry("kvm", digest(boot, qemu.version, machine, kernel)[:24], probe)
    return KVM if (entry / "works").read_text() == "yes" else emulate(hardware.processor)


def probe_kvm(qemu: Qemu, machine: str, kernel: Path) -> bool:
    """Does this kernel come to looking for its root file system under KVM, within the time limit?"""
    argv = [
        *qemu.argv,
        "-M",
        machine,
        *KVM.options,
        *PROBE_OPTIONS,
        "-kernel",
        str(kernel),
        "-append",
        PROBE_COMMAND_LINE,
    ]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return PROOF in done.stdout
