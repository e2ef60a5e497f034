"""Stage 2: from the mounted root to a supervised system, as a table of named steps.

Nothing here is fatal: a node that lacks one mount or one sysctl must still come up with its API and say so. In namespaces the
steps that would change the host are left out (`MACHINE`), and what the provisioner has mounted stays.
"""

import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from init import trial
from init.events import EventLoop
from init.linux.cgroup import Limits, Tree, mount_hierarchies
from init.linux.cmdline import CommandLine, Platform
from init.linux.devices import raise_loopback
from init.linux.kmsg import Log
from init.linux.modules import load_modules
from init.linux.mount import MS_NOEXEC, MS_NOSUID, MountLine, make_shared, mount_missing, read_mounts
from init.linux.power import take_ctrl_alt_del
from init.linux.processes import forbid_core_dumps, raise_nofile
from init.services import ENVIRONMENT, ServiceSpec
from init.shutdown import end
from init.supervisor import Settings, Supervisor

MIB = 1 << 20
PROC_SYS = "/proc/sys"
PYTHON = ("/usr/bin/python3.13", "-I", "-S")
MODULES = ("evdev", "button", "gpio_keys", "efivarfs")
MOUNTS = (
    MountLine("proc", "/proc"),
    MountLine("sysfs", "/sys"),
    MountLine("tmpfs", "/run", options="mode=755"),
    MountLine("tmpfs", "/tmp", options="mode=1777"),  # noqa: S108 - it is the mount point
    MountLine("tmpfs", "/dev/shm", options="mode=1777"),  # noqa: S108 - it is the mount point
    MountLine("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666"),
    MountLine("mqueue", "/dev/mqueue"),
    MountLine("bpf", "/sys/fs/bpf", options="mode=700", optional=True),
    MountLine("securityfs", "/sys/kernel/security", optional=True),
    MountLine("tracefs", "/sys/kernel/tracing", options="mode=700", optional=True),
    MountLine("efivarfs", "/sys/firmware/efi/efivars", optional=True),
)
RUN_DIRECTORIES = (("/run/ophite", 0o755), ("/run/ophite/etc", 0o755), ("/run/ophite/pki", 0o711), ("/run/lock", 0o755))
# Until the brain renders them; /etc/NAME in the image are links to them.
ETC_FILES = {"hostname": "ophite\n", "hosts": "127.0.0.1 localhost\n::1 localhost\n", "resolv.conf": "", "machine-id": ""}
CGROUPS = (  # `ophite` holds what the groups below it are promised; memory_recursiveprot hands it down
    ("ophite", Limits(memory_min=256 * MIB, memory_low=512 * MIB, cpu_weight=1000)),
    ("ophite/init", Limits(memory_min=48 * MIB)),
    ("ophite/etcd", Limits(memory_min=64 * MIB, memory_low=256 * MIB, cpu_weight=1000)),
)
# The Kernel Self-Protection Project's list (kspp.github.io/Recommended_Settings), without what would break a Kubernetes node:
# user namespaces stay (pods with hostUsers: false), modules stay loadable (the brain's controllers load them).
SYSCTLS = """
kernel.kptr_restrict=2 kernel.dmesg_restrict=1 kernel.perf_event_paranoid=3 kernel.randomize_va_space=2 kernel.sysrq=0
kernel.unprivileged_bpf_disabled=1 kernel.yama.ptrace_scope=2 kernel.kexec_load_disabled=1 net.core.bpf_jit_harden=2
vm.unprivileged_userfaultfd=0 dev.tty.ldisc_autoload=0 dev.tty.legacy_tiocsti=0
fs.protected_symlinks=1 fs.protected_hardlinks=1 fs.protected_fifos=2 fs.protected_regular=2 fs.suid_dumpable=0
"""
OWN_SERVICES = {
    "controllers": ServiceSpec(
        "controllers", (*PYTHON, "/usr/lib/ophite/controllers/__main__.pyc"), ENVIRONMENT, cgroup="ophite/controllers",
        memory_min=64 * MIB, oom_score_adj=-998, nofile=65536, stop_timeout=15,
    ),
    "api": ServiceSpec(
        "api", (*PYTHON, "/usr/lib/ophite/api/server/__main__.pyc"), ENVIRONMENT, 50, 50, cgroup="ophite/api",
        memory_min=48 * MIB, oom_score_adj=-900, capabilities=(), no_new_privs=True, nofile=65536,
    ),
}  # fmt: skip


class Step(NamedTuple):
    """One line of the table; what fails is logged and the boot goes on. `machine`: it touches more than PID 1's namespaces."""

    name: str
    action: Callable[[CommandLine], list[str] | None]
    machine: bool = False


def make_run_directories(_: CommandLine) -> None:
    """/run/ophite with the files that the links in /etc point to."""
    for path, mode in RUN_DIRECTORIES:
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
    for name, text in ETC_FILES.items():
        with open(f"/run/ophite/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)


def make_cgroups(_: CommandLine) -> list[str]:
    """The tree, with PID 1 in a leaf of it."""
    if not any(item.target == "/sys/fs/cgroup" for item in read_mounts()):
        mount_hierarchies()
    tree = Tree()
    tree.make("ophite/init")  # first, because a group with processes in it cannot hand its controllers down
    tree.join("ophite/init")
    return [problem for path, limits in CGROUPS for problem in tree.make(path, limits)]


def write_sysctls(_: CommandLine) -> list[str]:
    """Harden the kernel; a key that this kernel lacks is reported."""
    problems = []
    for setting in SYSCTLS.split():
        key, value = setting.split("=")
        try:
            with open(f"{PROC_SYS}/{key.replace('.', '/')}", "w", encoding="ascii") as file:
                file.write(value)
        except OSError as error:
            problems.append(f"{setting}: {error.strerror}")
    return problems


def load_machine_modules(_: CommandLine) -> list[str]:
    """Power buttons and EFI variables; kernels have some of them built in, so what is not in the index is no news."""
    return [problem for problem in load_modules(MODULES) if "is not in this image" not in problem]


STEPS = (
    Step("modules", load_machine_modules, machine=True),
    Step("mounts", lambda _: mount_missing(MOUNTS)),
    Step("directories in /run", make_run_directories),
    Step("control groups", make_cgroups),
    Step("no core dumps", lambda _: forbid_core_dumps()),
    Step("open files", lambda _: raise_nofile(1 << 20)),
    Step("sysctls", write_sysctls, machine=True),
    Step("host name", lambda cmdline: socket.sethostname(cmdline.hostname or "ophite")),  # until the brain knows better
    Step("shared mounts", lambda _: make_shared("/")),
    Step("loopback", lambda _: raise_loopback()),
    Step("ctrl-alt-del", lambda _: take_ctrl_alt_del(), machine=True),
)


def run_steps(steps: tuple[Step, ...], log: Log, cmdline: CommandLine) -> None:
    """Go through the table and log what is degraded."""
    for step in steps:
        if step.machine and cmdline.platform is Platform.NAMESPACES:
            continue
        try:
            problems = step.action(cmdline) or []
        except Exception as error:  # noqa: BLE001 - stage 2 goes on whatever happens
            problems = [str(error)]
        for problem in problems:
            log.warning("stage 2: degraded", step=step.name, problem=problem)


def run(log: Log, cmdline: CommandLine, watchdog: int | None = None, own: Mapping[str, ServiceSpec] = OWN_SERVICES) -> None:
    """Bring the system up, supervise it, take it down; returns only where reboot(2) is refused."""
    settings = Settings(cmdline.patience, cmdline.platform is Platform.NAMESPACES, watchdog)
    run_steps(STEPS, log, cmdline)
    log.info("stage 2 done, supervising")
    supervisor = Supervisor(settings, own, EventLoop(log))
    if cmdline.disk_root and not settings.namespaces:
        supervisor.loop.later(0, partial(trial.watch, supervisor, cmdline.disk_root))
    end(supervisor.run(), log, settings)
