"""Runs an image as a virtual machine.

Model: a `Machine` says what is wanted; `plan_argv` renders it (pure), `start` prepares the files and starts QEMU detached,
with its control socket, its console log and its firmware variables in the machine's directory. Two ways to boot: `uefi`, as a
real machine does it from the disk, and `direct`, where QEMU loads kernel and initramfs itself, which saves the firmware.
The disk is a sparse copy of the image, so the build stays as it is.
Trap: with UEFI the command line is inside the UKI; what is added comes by SMBIOS, which systemd's stub reads (systemd-stub(7)).
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from image.accelerator import Accelerator, get_accelerator
from image.errors import ImageError
from image.process import Process
from image.qemu_packages import Qemu, get_qemu
from image.qmp import Qmp
from image.run import run

BOARDS = {"amd64": "q35,smm=off", "arm64": "virt"}
CONSOLES = {"amd64": "ttyS0,115200", "arm64": "ttyAMA0,115200"}
# An emulated processor on a busy host stands still for seconds: no check of the timer at boot, no alarm about a stuck one. It
# has no speculation to guard against either, and what is cheap on a real one costs it much: guards, programming the timer for
# every sleep of a thread, clearing pages twice, pressure accounting.
EMULATED = ("no_timer_check", "nosoftlockup", "mitigations=off", "highres=off", "nohz=off", "init_on_alloc=0", "psi=0")
STUB_STRING = "io.systemd.stub.kernel-cmdline-extra"
NETWORKS = ("user", "silent", "none")
QUIT_SECONDS = 10.0
START_SECONDS = 60.0
GUEST_API_PORT = 50000
GUEST_KUBERNETES_PORT = 6443


@dataclass(frozen=True)
class Machine:
    """A virtual machine. Sizes in MiB; the ports are the host's, forwarded to the guest's 50000 and 6443.

    `network`: `user` has DHCP and forwarded ports, `silent` a cable with nobody at the other end, `none` no interface.
    """

    directory: Path
    image: Path
    boot: str = "uefi"
    arch: str = "amd64"
    memory: int = 4096
    cpus: int = 2
    disk: int = 10240
    network: str = "user"
    api_port: int = 0
    kubernetes_port: int = 0
    command_line: str = ""

    @property
    def console(self) -> Path:
        """What the guest wrote on its serial console."""
        return self.directory / "console.log"

    @property
    def disk_file(self) -> Path:
        """The guest's disk."""
        return self.directory / "disk.img"

    @property
    def control(self) -> Path:
        """QEMU's control socket."""
        return self.directory / "qmp.sock"

    @property
    def process_file(self) -> Path:
        """Which process it is."""
        return self.directory / "qemu.process"

    def find_process(self) -> Process | None:
        """The machine's process, when it runs."""
        if not self.process_file.exists():
            return None
        process = Process.parse(self.process_file.read_text())
        return process if process.is_alive() else None


def find_free_port() -> int:
    """A TCP port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def check_image(machine: Machine) -> None:
    """Raise `ImageError` when a file of the image that this way to boot needs is not there."""
    names = ["disk.img", "vmlinuz"] + (["initramfs.zst", "cmdline"] if machine.boot == "direct" else [])
    for name in names:
        if not (machine.image / name).exists():
            raise ImageError(f"{machine.image / name}: no such file", "build it with: make image")


def make_disk(machine: Machine) -> None:
    """Copy the image's disk (sparse, shared with the original where the file system can) and grow it to its size."""
    run(["cp", "--reflink=auto", "--sparse=always", machine.image / "disk.img", machine.disk_file])
    size = machine.disk_file.stat().st_size
    os.truncate(machine.disk_file, max(size, machine.disk << 20))


def plan_command_line(machine: Machine, patience: int) -> str:
    """What this machine adds to the image's own kernel command line."""
    words = [
        f"console={CONSOLES[machine.arch]}",
        "ophite.platform=qemu",
        f"ophite.patience={patience}",
        *(EMULATED if patience > 1 else ()),
        machine.command_line,
    ]
    return " ".join(word for word in words if word)


def plan_boot(machine: Machine, qemu: Qemu, command_line: str) -> list[str]:
    """The options that say what is booted."""
    if machine.boot == "direct":
        own = (machine.image / "cmdline").read_text().strip()
        initramfs = str(machine.image / "initramfs.zst")
        return ["-kernel", str(machine.image / "vmlinuz"), "-initrd", initramfs, "-append", f"{own} {command_line}"]
    text = f"type=11,value={STUB_STRING}=" + command_line.replace(",", ",,")
    return [
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={qemu.firmware_code}"),
        *("-drive", "if=pflash,format=raw,unit=1,file=firmware.vars"),
        *("-smbios", text),
    ]


def plan_network(machine: Machine) -> list[str]:
    """The options of the network card and of what it is plugged into."""
    if machine.network == "none":
        return []
    if machine.network == "silent":
        backend = "hubport,id=net0,hubid=0"
    else:
        forwards = ((machine.api_port, GUEST_API_PORT), (machine.kubernetes_port, GUEST_KUBERNETES_PORT))
        rules = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in forwards if host)
        backend = f"user,id=net0{rules}"
    return ["-netdev", backend, "-device", "virtio-net-pci,netdev=net0,romfile="]


def plan_argv(machine: Machine, qemu: Qemu, accelerator: Accelerator) -> list[str]:
    """The whole argv; paths without a directory are in the machine's directory, where QEMU is started."""
    return [
        *qemu.argv,
        *("-name", machine.directory.name, "-M", BOARDS[machine.arch], *accelerator.options),
        *("-smp", str(machine.cpus), "-m", str(machine.memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc"),
        *("-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"),
        *("-chardev", "socket,id=control,path=qmp.sock,server=on,wait=off", "-mon", "chardev=control,mode=control"),
        *("-drive", "if=none,id=disk,format=raw,file=disk.img,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"),
        *plan_network(machine),
        *plan_boot(machine, qemu, plan_command_line(machine, accelerator.patience)),
    ]


def start(machine: Machine) -> Accelerator:
    """Prepare the machine's files where they are missing, and power it on; raises `ImageError`.

    Disk and firmware variables that are there already are kept, so this also powers a stopped machine on again.
    """
    check_image(machine)
    if machine.find_process() is not None:
        raise ImageError(f"{machine.directory.name} runs already", "ophite cluster show")
    qemu = get_qemu(machine.arch)
    accelerator = get_accelerator(qemu, BOARDS[machine.arch], machine.image / "vmlinuz")
    machine.directory.mkdir(parents=True, exist_ok=True)
    if not machine.disk_file.exists():
        make_disk(machine)
    variables = machine.directory / "firmware.vars"
    if not variables.exists():
        shutil.copyfile(qemu.firmware_variables, variables)
    machine.control.unlink(missing_ok=True)
    argv = plan_argv(machine, qemu, accelerator)
    process = Process.start(argv, cwd=machine.directory, log=machine.directory / "qemu.log")
    machine.process_file.write_text(process.render())
    (machine.directory / "accelerator").write_text(accelerator.name)
    wait_until_running(machine, process)
    return accelerator


def wait_until_running(machine: Machine, process: Process) -> None:
    """Wait for the control socket; raises `ImageError` with QEMU's words when it ended instead."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.is_alive():
        if machine.control.exists():
            with Qmp(machine.control):
                return
        time.sleep(0.05)
    words = (machine.directory / "qemu.log").read_text(errors="replace").strip()
    process.stop()
    raise ImageError(f"QEMU did not start: {words[-2000:] or 'no control socket'}", f"see {machine.directory / 'qemu.log'}")


def reset(machine: Machine) -> None:
    """Press the reset button."""
    with Qmp(machine.control) as control:
        control.execute("system_reset")


def press_power_button(machine: Machine) -> None:
    """Press the power button: the guest decides what follows."""
    with Qmp(machine.control) as control:
        control.execute("system_powerdown")


def stop(machine: Machine) -> None:
    """Pull the plug: the process ends, by its own command or by a signal; the files stay."""
    process = machine.find_process()
    if process is not None:
        try:
            with Qmp(machine.control, timeout=QUIT_SECONDS) as control:
                control.execute("quit")
        except ImageError:
            process.stop()
        if not process.wait(QUIT_SECONDS):
            process.stop()
    machine.process_file.unlink(missing_ok=True)
    machine.control.unlink(missing_ok=True)
