"""Runs an image as a virtual machine.

Model: a `Machine` says what is wanted; `plan_argv` renders it (pure), `start` prepares the files and starts QEMU detached,
with its control socket, its console log and its firmware variables in the machine's directory. Three ways to boot: `uefi` and
`bios`, as real machines do it from a disk or a medium, and `direct`, where QEMU loads kernel and initramfs itself, which
saves the firmware. The disk is a sparse copy of the image, so the build stays as it is, or empty, to be installed on.
With the user network the guest reaches this host's loopback address at 10.0.2.2.
Trap: the command line is inside the image; what is added comes by SMBIOS, which systemd's stub reads (systemd-stub(7)) and,
with BIOS, the image's GRUB configuration.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from image.accelerator import Accelerator, get_accelerator
from image.errors import ImageError
from image.process import Process
from image.qemu_disks import Disk, plan_disks
from image.qemu_packages import Qemu, get_qemu
from image.qmp import Qmp
from image.run import run

BOARDS = {"amd64": "q35,smm=off", "arm64": "virt"}
CONSOLES = {"amd64": "ttyS0,115200", "arm64": "ttyAMA0,115200"}
# An emulated processor on a busy host stands still for seconds: no check of the timer at boot, no alarm about a stuck one. It
# has no speculation to guard against either, and what is cheap on a real one costs it much: guards, programming the timer for
# every sleep of a thread, clearing pages twice, pressure accounting.
EMULATED = ("no_timer_check", "nosoftlockup", "mitigations=off", "highres=off", "nohz=off", "init_on_alloc=0", "psi=0")
NAMESPACE = uuid.UUID("6f706869-7465-4000-8000-716d75000000")  # for the ids of machines, made from their directories
STUB_STRING = "io.systemd.stub.kernel-cmdline-extra"
BOOTS = ("uefi", "bios", "direct")
NETWORKS = ("user", "silent", "none")
MEDIUM_BUSES = {"cdrom": "ide-cd,bus=ide.2", "usb": "usb-storage,bus=medium.0,removable=on"}
HOST = "10.0.2.2"  # this host's 127.0.0.1, as a guest in the user network sees it
QUIT_SECONDS = 10.0
START_SECONDS = 60.0
GUEST_API_PORT = 50000
GUEST_KUBERNETES_PORT = 6443


@dataclass(frozen=True)
class Machine:
    """A virtual machine. Sizes in MiB; the ports are the host's, forwarded to the guest's 50000 and 6443.

    `network`: `user` has DHCP and forwarded ports, `silent` a cable with nobody at the other end, `none` no interface.
    `address`: where the ports go; empty is the one that DHCP gives. `medium`: an ISO image, as `cdrom` or on a stick (`usb`);
    the firmware asks the disk before it, or after it with `medium_first`. `blank`: the disk begins empty instead of as the
    image. `watchdog`: an Intel 6300ESB that resets the machine. `disks`: more of them; `disk_bus`, `sector` and `writes` are
    the first one's, as in `Disk`. With `reboots` false a reboot of the guest ends QEMU. `uuid` is what the firmware says of
    the machine; empty is one that depends on the directory.
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
    address: str = ""
    medium: Path | None = None
    medium_bus: str = "cdrom"
    medium_first: bool = False
    blank: bool = False
    watchdog: bool = False
    disk_bus: str = "virtio"
    sector: int = 512
    writes: bool = False
    disks: tuple[Disk, ...] = ()
    reboots: bool = True
    uuid: str = ""

    @property
    def console(self) -> Path:
        """What the guest wrote on its serial console."""
        return self.directory / "console.log"

    @property
    def disk_file(self) -> Path:
        """The guest's first disk."""
        return self.directory / "disk.img"

    @property
    def boot_order(self) -> tuple[int, int]:
        """Where the firmware's list has the disk and the medium; 0 is QEMU's own when it loads the kernel itself."""
        first = 1 if self.boot == "direct" else 0
        return (first + 1, first) if self.medium_first else (first, first + 1)

    @property
    def all_disks(self) -> tuple[Disk, ...]:
        """The first disk and the others; the firmware starts from the first."""
        first = Disk("disk", self.disk, self.disk_bus, self.sector, boot=self.boot_order[0], writes=self.writes)
        return (first, *self.disks)

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
    if machine.boot not in BOOTS:
        raise ImageError(f"no way to boot {machine.boot!r}", f"one of: {', '.join(BOOTS)}")
    names = ["vmlinuz"] + (["initramfs.zst", "cmdline"] if machine.boot == "direct" else [])
    files = [machine.image / name for name in [*names, *([] if machine.blank else ["disk.img"])]]
    for path in [*files, *([machine.medium] if machine.medium else [])]:
        if not path.exists():
            raise ImageError(f"{path}: no such file", "build it with: make image")


def make_disk(machine: Machine) -> None:
    """The first disk: empty, or the image's (sparse, shared with the original where the file system can), at its size."""
    if machine.blank:
        machine.disk_file.touch()
    else:
        run(["cp", "--reflink=auto", "--sparse=always", machine.image / "disk.img", machine.disk_file])
    size = machine.disk_file.stat().st_size
    os.truncate(machine.disk_file, max(size, machine.disk << 20))


def make_files(machine: Machine, qemu: Qemu) -> None:
    """Everything in the machine's directory that QEMU opens; what is there already stays, but for the logs of writes."""
    machine.directory.mkdir(parents=True, exist_ok=True)
    if not machine.disk_file.exists():
        make_disk(machine)
    for disk in machine.all_disks:
        path = machine.directory / disk.file
        if not path.exists():
            path.touch()
            os.truncate(path, disk.size << 20)
        if disk.writes:
            (machine.directory / disk.log).write_bytes(b"")
    variables = machine.directory / "firmware.vars"
    if not variables.exists():
        shutil.copyfile(qemu.firmware_variables, variables)
    machine.control.unlink(missing_ok=True)


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
    smbios = ["-smbios", f"type=11,value={STUB_STRING}=" + command_line.replace(",", ",,")]
    if machine.boot == "bios":
        return smbios  # the firmware is SeaBIOS, QEMU's own
    return [
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={qemu.firmware_code}"),
        *("-drive", "if=pflash,format=raw,unit=1,file=firmware.vars"),
        *smbios,
    ]


def plan_forwards(machine: Machine, address: str) -> list[tuple[str, str]]:
    """From where on this host to where in the guest, in the words of QEMU's user network."""
    ports = ((machine.api_port, GUEST_API_PORT), (machine.kubernetes_port, GUEST_KUBERNETES_PORT))
    return [(f"tcp:127.0.0.1:{host}", f"{address}:{guest}") for host, guest in ports if host]


def plan_network(machine: Machine) -> list[str]:
    """The options of the network card and of what it is plugged into."""
    if machine.network == "none":
        return []
    if machine.network == "silent":
        backend = "hubport,id=net0,hubid=0"
    else:
        rules = "".join(f",hostfwd={host}-{guest}" for host, guest in plan_forwards(machine, machine.address))
        backend = f"user,id=net0{rules}"
    return ["-netdev", backend, "-device", "virtio-net-pci,netdev=net0,romfile="]


def plan_medium(machine: Machine) -> list[str]:
    """The options of the ISO image."""
    if machine.medium is None:
        return []
    if machine.medium_bus not in MEDIUM_BUSES:
        raise ImageError(f"no medium {machine.medium_bus!r}", f"one of: {', '.join(MEDIUM_BUSES)}")
    hub = ["-device", "qemu-xhci,id=medium"] if machine.medium_bus == "usb" else []
    name = str(machine.medium.resolve()).replace(",", ",,")
    backend = f"if=none,id=iso,format=raw,readonly=on,file={name}"
    return [
        "-drive",
        backend,
        *hub,
        "-device",
        f"{MEDIUM_BUSES[machine.medium_bus]},drive=iso,bootindex={machine.boot_order[1]}",
    ]


def plan_board(machine: Machine) -> list[str]:
    """The options of the board itself. A BIOS without a screen writes on the serial line."""
    screen = ",graphics=off" if machine.boot == "bios" else ""
    watchdog = ["-device", "i6300esb", "-action", "watchdog=reset"] if machine.watchdog else []
    reboots = [] if machine.reboots else ["-action", "reboot=shutdown"]
    identity = machine.uuid or str(uuid.uuid5(NAMESPACE, str(machine.directory)))
    return ["-M", BOARDS[machine.arch] + screen, "-uuid", identity, *watchdog, *reboots]


def plan_argv(machine: Machine, qemu: Qemu, accelerator: Accelerator) -> list[str]:
    """The whole argv; paths without a directory are in the machine's directory, where QEMU is started."""
    return [
        *qemu.argv,
        *("-name", machine.directory.name, *plan_board(machine), *accelerator.options),
        *("-smp", str(machine.cpus), "-m", str(machine.memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc"),
        *("-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"),
        *("-chardev", "socket,id=control,path=qmp.sock,server=on,wait=off", "-mon", "chardev=control,mode=control"),
        *plan_disks(machine.all_disks),
        *plan_medium(machine),
        *("-device", "virtio-rng-pci"),
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
    argv = plan_argv(machine, qemu, accelerator)
    make_files(machine, qemu)
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
            with suppress(ImageError), Qmp(machine.control):  # it may be ending already: then its own words say why
                return
        time.sleep(0.05)
    words = (machine.directory / "qemu.log").read_text(errors="replace").strip()
    process.stop()
    raise ImageError(f"QEMU did not start: {words[-2000:] or 'no control socket'}", f"see {machine.directory / 'qemu.log'}")


def reset(machine: Machine) -> None:
    """Press the reset button."""
    with Qmp(machine.control) as control:
        control.execute("system_reset")


def forward(machine: Machine, address: str) -> None:
    """Forward the machine's ports to another address of the guest from now on; empty is the one that DHCP gives."""
    with Qmp(machine.control) as control:
        for host, guest in plan_forwards(machine, address):
            for command in (f"hostfwd_remove net0 {host}", f"hostfwd_add net0 {host}-{guest}"):
                control.execute("human-monitor-command", **{"command-line": command})


def press_power_button(machine: Machine) -> None:
    """Press the power button: the guest decides what follows."""
    with Qmp(machine.control) as control:
        control.execute("system_powerdown")


def cut_power(machine: Machine) -> None:
    """End the process at this very moment, as a power cut would; the files stay.

    What the guest has written is kept, flushed or not, because it is in this host's page cache (see image/qemu_disks.py).
    """
    process = machine.find_process()
    if process is not None:
        process.signal(signal.SIGKILL)
        if not process.wait(QUIT_SECONDS):
            raise ImageError(f"process {process.pid} does not end", "it hangs in the kernel; see /proc/PID/stack")
    machine.process_file.unlink(missing_ok=True)
    machine.control.unlink(missing_ok=True)


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
