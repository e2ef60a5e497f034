"""What runs, listens and is mounted on a node, each with its reason. What is not here must not be there.

Of containers only what the node starts for itself is listed; a test's own pods are named by the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Executable, as /proc/PID/exe names it, or the name of a process in a container.
PROCESSES = {
    "/usr/bin/python3.13": "PID 1, the controllers and the API",
    "/usr/bin/containerd": "runs containers",
    "/usr/bin/containerd-shim-runc-v2": "one for each pod, so that containerd can be restarted",
    "/usr/bin/runc": "starts and stops containers; lives for moments",
    "/memfd:runc_cloned:/proc/self/exe": "runc on its way into a container; lives for moments",
    "/usr/bin/etcd": "the cluster's data",
    "/usr/bin/kubelet": "runs the node's pods",
    "/usr/bin/kube-apiserver": "control plane",
    "/usr/bin/kube-controller-manager": "control plane",
    "/usr/bin/kube-scheduler": "control plane",
    "/usr/bin/kube-proxy": "the rules that make services reachable",
    "/pause": "holds the namespaces of a pod",
    "/usr/bin/mount": "kubelet mounts volumes with it; lives for moments",
    "/usr/bin/umount": "kubelet unmounts volumes with it; lives for moments",
    "/usr/bin/xtables-nft-multi": "kubelet and kube-proxy write packet filter rules with it; lives for moments",
    "/usr/bin/bridge": "the pod network; lives for moments",
    "/usr/bin/host-local": "gives pods their addresses; lives for moments",
    "/usr/bin/portmap": "ports of pods on the node; lives for moments",
    "/usr/bin/loopback": "the loopback of pods; lives for moments",
}
PYTHONS = {  # there are exactly these three interpreters, each in isolated mode with a fixed program
    "/usr/bin/python3.13 -I -S /usr/lib/ophite/controllers/__main__.pyc": "the controllers",
    "/usr/bin/python3.13 -I -S /usr/lib/ophite/api/server/__main__.pyc": "the API",
}
# (process, port, reachable from outside): reason. Port 0: one that the kernel chose.
PORTS = {
    ("python3.13", 50000, True): "the API",
    ("etcd", 2379, True): "clients of etcd, by certificate",
    ("etcd", 2379, False): "the API server's way to it",
    ("etcd", 2380, True): "members of etcd, by certificate",
    ("etcd", 2381, False): "health and metrics of etcd",
    ("kube-apiserver", 6443, True): "the Kubernetes API",
    ("kubelet", 10250, True): "the API server reads logs through it",
    ("kubelet", 10248, False): "health of kubelet",
    ("kube-proxy", 10256, True): "load balancers ask whether the node can serve",
    ("kube-proxy", 10249, False): "metrics of kube-proxy",
    ("kube-controller-manager", 10257, False): "health and metrics",
    ("kube-scheduler", 10259, False): "health and metrics",
    ("containerd", 0, False): "streams of exec and logs, asked for by kubelet only",
}
# (pattern of the target, file system): flags that it must have, reason.
MOUNTS: tuple[tuple[str, str, frozenset[str], str], ...] = (
    ("/", "erofs", frozenset({"ro"}), "the image, verified"),
    ("/proc", "proc", frozenset({"nosuid", "nodev", "noexec"}), "processes"),
    ("/sys", "sysfs", frozenset({"nosuid", "nodev", "noexec"}), "the kernel's objects"),
    ("/dev", "devtmpfs", frozenset({"nosuid"}), "devices"),
    ("/dev/pts", "devpts", frozenset({"nosuid", "noexec"}), "terminals of containers"),
    ("/dev/shm", "tmpfs", frozenset({"nosuid", "nodev", "noexec"}), "shared memory"),
    ("/dev/mqueue", "mqueue", frozenset({"nosuid", "nodev", "noexec"}), "message queues"),
    ("/run", "tmpfs", frozenset({"nosuid", "nodev"}), "what lives until the power goes"),
    ("/tmp", "tmpfs", frozenset({"nosuid", "nodev", "noexec"}), "scratch"),
    ("/state", "ext4", frozenset({"nosuid", "nodev", "noexec"}), "configuration and identity"),
    ("/var", "ext4", frozenset({"nosuid", "nodev"}), "containers, etcd, logs"),
    ("/sys/fs/cgroup", "cgroup2", frozenset({"nosuid", "nodev", "noexec"}), "control groups"),
    ("/sys/fs/bpf", "bpf", frozenset({"nosuid", "nodev", "noexec"}), "programs of packet filters"),
    ("/sys/kernel/security", "securityfs", frozenset({"nosuid", "nodev", "noexec"}), "state of security modules"),
    ("/sys/kernel/tracing", "tracefs", frozenset({"nosuid", "nodev", "noexec"}), "tracing"),
    ("/sys/firmware/efi/efivars", "efivarfs", frozenset({"nosuid", "nodev", "noexec"}), "the boot loader's variables"),
    (r"/run/containerd/io\.containerd\..*", "overlay", frozenset(), "root of a container"),
    (r"/run/containerd/io\.containerd\..*/shm", "tmpfs", frozenset({"nosuid", "nodev", "noexec"}), "shared memory of a pod"),
    (r"/var/lib/kubelet/pods/.*/volumes/.*", "tmpfs", frozenset(), "secret of a pod"),
    ("/run/netns/.*", "nsfs", frozenset(), "network namespace of a pod"),
    (r"/run/ipc/.*|/var/run/netns/.*", "nsfs", frozenset(), "namespaces of a pod"),
)


def find_unexpected_processes(processes: Iterable[dict[str, object]], extra: frozenset[str] = frozenset()) -> list[str]:
    """The processes of user space that nobody has listed; `extra` are executables of the test's own pods.

    A process with neither executable nor command is one that ends at this moment: its memory is gone already (proc(5), exe).
    """
    unexpected = []
    for process in processes:
        executable, command = str(process.get("executable", "")), str(process.get("command", ""))
        if process.get("kernelThread") or process.get("kernel_thread") or process.get("pid") == 1:
            continue
        if not executable and not command:
            continue
        known = executable in PROCESSES or executable in extra or command.partition(" ")[0] in extra
        if executable == "/usr/bin/python3.13":
            known = command in PYTHONS
        if not known:
            unexpected.append(f"{executable or '?'}: {command}")
    return unexpected


def find_unexpected_ports(sockets: Iterable[dict[str, object]]) -> list[str]:
    """The listening sockets that nobody has listed."""
    unexpected = []
    for socket in sockets:
        outside = not str(socket["address"]).startswith(("127.", "::1"))
        process, port = str(socket["process"]), int(str(socket["port"]))
        chosen = (process, 0, outside) in PORTS and port >= 32768
        if (process, port, outside) not in PORTS and not chosen:
            unexpected.append(f"{process} at {socket['address']}:{port} ({socket['protocol']})")
    return unexpected


def find_unexpected_mounts(mounts: Iterable[dict[str, object]]) -> list[str]:
    """The mounts that nobody has listed, or that lack a flag that they must have."""
    unexpected = []
    for mount in mounts:
        target, filesystem = str(mount["target"]), str(mount["filesystem"])
        options = frozenset(str(mount["options"]).split(","))
        fits = [flags for pattern, kind, flags, _ in MOUNTS if kind == filesystem and re.fullmatch(pattern, target)]
        if not fits:
            unexpected.append(f"{target} ({filesystem})")
        elif not any(flags <= options for flags in fits):
            unexpected.append(f"{target} ({filesystem}): lacks {sorted(fits[0] - options)}")
    return unexpected
