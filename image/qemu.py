"""Runs an image as a virtual machine.

Model: a `Machine` says what is wanted; `plan_argv` renders it (pure), `start` prepares the files and starts QEMU detached,
with its control socket, its console log and its firmware variables in the machine's directory. Three ways to boot: `uefi` and
`bios`, as real machines do it from a disk or a medium, and `direct`, where QEMU loads kernel and initramfs itself, which
saves the firmware. A Raspberry Pi (image/qemu_boards.py) has its own: `card`, with what its SD card holds. The disk is a
sparse copy of the image, so the build stays as it is, or empty, to be installed on.
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
from dataclasses import dataclass, replace
from pathlib import Path

from image.accelerator import Accelerator, get_accelerator
from image.errors import ImageError
from image.process import Process
from image.qemu_boards import Emulated, check_boot, find_arch, get_hardware
from image.qemu_card import BootFiles, find_card_size, take_boot_files
from image.qemu_disks import Disk, plan_disks
from image.qemu_packages import Qemu, get_qemu
from image.qmp import Qmp
from image.run import run

# An emulated processor on a busy host stands still for seconds: no check of the timer at boot, no alarm about a stuck one. It
# has no speculation to guard against either, and what is cheap on a real one costs it much: guards, programming the timer for
# every sleep of a thread, clearing pages twice, pressure accounting.
EMULATED = ("no_timer_check", "nosoftlockup", "mitigations=off", "highres=off", "nohz=off", "init_on_alloc=0", "psi=0")
NAMESPACE = uuid.UUID("6f706869-7465-4000-8000-716d75000000")  # for the ids of machines, made from their directories
STUB_STRING = "io.systemd.stub.kernel-cmdline-extra"
BOOTS = ("uefi", "bios", "direct", "card")
NETWORKS = ("user", "silent", "none")
MEDIUM_BUSES = ("cdrom", "usb")
HOST = "10.0.2.2"  # this host's 127.0.0.1, as a guest in the user network sees it
QUIT_SECONDS = 10.0
START_SECONDS = 60.0
GUEST_API_PORT = 50000
GUEST_KUBERNETES_PORT = 6443


@dataclass(frozen=True)
class Machine:
    """A virtual machine. Sizes in MiB; the ports are the host's, forwarded to the guest's 50000 and 6443.

    `hardware`: which of QEMU's machines (image/qemu_boards.py), empty is the usual one of `arch`. `tryboot`: a Raspberry Pi's
    one-shot flag is set when it is powered on. `device_tree`: a changed one instead of the card's own.
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
    hardware: str = ""
    tryboot: bool = False
    device_tree: Path | None = None

    @property
    def emulated(self) -> Emulated:
        """Which of QEMU's machines it is; raises `ImageError` when there is none such."""
        return get_hardware(self.hardware, self.arch)

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
    check_boot(machine.emulated, machine.boot)
    own = find_arch(machine.image)
    if own not in ("", machine.arch):
        raise ImageError(f"{machine.image}: an image for {own}, not for {machine.arch}", f"say --arch {own}")
    names = {"card": [], "direct": ["vmlinuz", "initramfs.zst", "cmdline"]}.get(machine.boot, ["vmlinuz"])
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
    size = max(machine.disk_file.stat().st_size, machine.disk << 20)
    os.truncate(machine.disk_file, find_card_size(size) if machine.boot == "card" else size)


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
    if machine.boot == "uefi" and not variables.exists():
        shutil.copyfile(qemu.firmware_variables, variables)
    machine.control.unlink(missing_ok=True)


def plan_command_line(machine: Machine, patience: int) -> str:
    """What this machine adds to the image's own kernel command line."""
    words = [
        f"console={machine.emulated.console}",
        "ophite.platform=qemu",
        f"ophite.patience={patience}",
        *(EMULATED if patience > 1 else ()),
        machine.emulated.words,
        machine.command_line,
    ]
    return " ".join(word for word in words if word)


def take_from_card(machine: Machine) -> BootFiles:
    """What a Raspberry Pi's firmware would load from the machine's own card at this moment."""
    directory = machine.directory / "boot"
    files = take_boot_files(machine.disk_file, directory, machine.emulated.device_tree, tryboot=machine.tryboot)
    return replace(files, device_tree=machine.device_tree) if machine.device_tree else files


def plan_card(files: BootFiles, command_line: str) -> list[str]:
    """The options that stand for a Raspberry Pi's firmware."""
    return [
        *("-kernel", str(files.kernel), "-dtb", str(files.device_tree), "-initrd", str(files.initramfs)),
        *("-append", f"{files.command_line} {command_line}"),
    ]


def plan_boot(machine: Machine, qemu: Qemu, command_line: str) -> list[str]:
    """The options that say what is booted."""
    if machine.boot == "card":
        return plan_card(take_from_card(machine), command_line)
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
    if machine.network == "none" or not machine.emulated.network:
        return []
    if machine.network == "silent":
        backend = "hubport,id=net0,hubid=0"
    else:
        rules = "".join(f",hostfwd={host}-{guest}" for host, guest in plan_forwards(machine, machine.address))
        backend = f"user,id=net0{rules}"
    return ["-netdev", backend, "-device", machine.emulated.network]


def plan_medium(machine: Machine) -> list[str]:
    """The options of the ISO image."""
    if machine.medium is None:
        return []
    devices = {"usb": ("qemu-xhci,id=medium", "usb-storage,bus=medium.0,removable=on"), "cdrom": machine.emulated.cdrom}
    *hub, drive = devices.get(machine.medium_bus, ()) or ("",)
    if not drive or not machine.emulated.pci:
        raise ImageError(f"no medium {machine.medium_bus!r}", f"one of: {', '.join(MEDIUM_BUSES)}, on a machine with PCI")
    name = str(machine.medium.resolve()).replace(",", ",,")
    backend = f"if=none,id=iso,format=raw,readonly=on,file={name}"
    return [
        "-drive",
        backend,
        *(word for device in hub for word in ("-device", device)),
        "-device",
        f"{drive},drive=iso,bootindex={machine.boot_order[1]}",
    ]


def plan_board(machine: Machine) -> list[str]:
    """The options of the board itself. A BIOS without a screen writes on the serial line."""
    screen = ",graphics=off" if machine.boot == "bios" else ""
    extras = ["-device", "virtio-rng-pci"] if machine.emulated.pci else []
    if machine.watchdog and machine.emulated.pci:
        extras += ["-device", "i6300esb", "-action", "watchdog=reset"]
    reboots = [] if machine.reboots else ["-action", "reboot=shutdown"]
    identity = machine.uuid or str(uuid.uuid5(NAMESPACE, str(machine.directory)))
    return ["-M", machine.emulated.machine + screen, "-uuid", identity, *extras, *reboots]


def plan_serial(machine: Machine) -> list[str]:
    """The options of the serial ports: the console's goes to a file, those before it nowhere."""
    unused = ["-serial", "null"] * machine.emulated.serial
    return ["-chardev", "file,id=console,path=console.log,append=on", *unused, "-serial", "chardev:console"]


def plan_storage(machine: Machine) -> list[str]:
    """The options of the disks; a Raspberry Pi has its card and nothing else."""
    if machine.boot != "card":
        return plan_disks(machine.all_disks)
    if machine.disks or machine.writes:
        raise ImageError(f"{machine.emulated.machine} has one SD card and no other disk", "use a machine with PCI")
    return ["-drive", f"if=sd,index=0,format=raw,file={machine.all_disks[0].file},cache=unsafe"]


def plan_argv(machine: Machine, qemu: Qemu, accelerator: Accelerator) -> list[str]:
    """The whole argv; paths without a directory are in the machine's directory, where QEMU is started."""
    return [
        *qemu.argv,
        *("-name", machine.directory.name, *plan_board(machine), *accelerator.options),
        *("-smp", str(machine.emulated.cpus or machine.cpus), "-m", str(machine.emulated.memory or machine.memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc"),
        *plan_serial(machine),
        *("-chardev", "socket,id=control,path=qmp.sock,server=on,wait=off", "-mon", "chardev=control,mode=control"),
        *plan_storage(machine),
        *plan_medium(machine),
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
    accelerator = get_accelerator(qemu, machine.emulated, machine.image / "vmlinuz")
    make_files(machine, qemu)
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
