"""A worker in a virtual machine, whose control plane runs in namespaces of this host: only the worker is emulated.

QEMU's user network reaches the control plane at its bridge. The way back is the forwarded port of the worker's API alone: its
kubelet's port cannot be reached, so nobody asks it for logs. A worker's API vouches for itself, so its certificate is fetched
once and pinned.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api.client import tls
from api.client.address import parse_address
from controllers.config.clientconfig import ClientConfig, parse_client_config, render_client_config
from image import qemu
from image.accelerator import TCG
from image.cluster_state import Cluster
from image.qemu import Machine
from tests.harness.lifecycle import Node
from tests.harness.nodes import IMAGE, Running, create, destroy

MIB = 1 << 20
OOM = ("out of memory", "oom-kill", "oom_reaper", "invoked oom")
SHOWN = ("ophite/controllers", "ophite/api", "ophite/init", "ophite/containerd", "ophite/kubelet", "ophite/etcd", "kubepods")
# A worker's heartbeats come as seldom as an emulated one's, so whoever waits for them has to be as patient.
PATIENCE = f"ophite.patience={TCG.patience}"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Small:
    """A cluster of two: the control plane's command lines, and the worker."""

    control_plane: Running
    worker: Node

    @classmethod
    def create(cls, say: Say, name: str, memory: int) -> Small:
        """The control plane, up; and a worker with `memory` MiB that is off. Clusters of these names go."""
        destroy(name)
        control_plane = create(say, name, "--provisioner", "namespaces", "--command-line", PATIENCE)
        cluster = Cluster(
            name=f"{name}-worker",
            provisioner="qemu",
            image=str(IMAGE),
            boot="direct",
            memory=memory,
            cpus=2,
            disk=6144,
            node_address="",
            api=f"127.0.0.1:{qemu.find_free_port()}",
            kubernetes="127.0.0.1:0",
        )
        destroy(cluster.name)
        cluster.save()
        shutil.copyfile(control_plane.cluster.directory / "worker.yaml", cluster.directory / "controlplane.yaml")
        shutil.copyfile(control_plane.cluster.ophiteconfig, cluster.ophiteconfig)
        port = int(cluster.api.rpartition(":")[2])
        machine = Machine(cluster.node_directory, IMAGE, boot=cluster.boot, memory=memory, disk=cluster.disk, api_port=port)
        return cls(control_plane, Node(cluster, machine, say))

    def trust(self) -> bool:
        """Take the certificate that the worker shows now for its authority; True when it is no longer that of maintenance."""
        der = tls.fetch_certificate(parse_address(self.worker.cluster.api), 60.0)
        pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
        own = parse_client_config(self.control_plane.cluster.ophiteconfig.read_bytes())
        pinned = replace_context(own, ca=pem, endpoints=(self.worker.cluster.api,), nodes=())
        self.worker.cluster.ophiteconfig.write_text(render_client_config(pinned))
        return bool(self.worker.find_version())

    def find_node(self, name: str) -> str:
        """What Kubernetes says of the node: `Ready`, or what else is in that column; raises KeyError when it is not there."""
        lines = self.control_plane.kubectl("get", "nodes", "--no-headers", timeout=60).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}[name]

    def find_pods(self, name: str) -> dict[str, str]:
        """The pods of a node and their phases."""
        columns = "custom-columns=NAME:.metadata.name,PHASE:.status.phase"
        words = ("get", "pods", "-A", "--no-headers", "--field-selector", f"spec.nodeName={name}", "-o", columns)
        lines = self.control_plane.kubectl(*words, timeout=60).splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def destroy(self) -> None:
        """Both are gone."""
        qemu.stop(self.worker.machine)
        destroy(self.worker.cluster.name)
        destroy(self.control_plane.cluster.name)


def replace_context(config: ClientConfig, **fields: Any) -> ClientConfig:
    """The client's file with other fields of its only context."""
    ((name, context),) = config.contexts.items()
    return msgspec.structs.replace(config, contexts={name: msgspec.structs.replace(context, **fields)})


def find_killed(text: str) -> list[str]:
    """The lines of a kernel log in which somebody was killed for want of memory."""
    return [line for line in text.splitlines() if any(word in line.lower() for word in OOM)]


def measure(running: Running) -> dict[str, Any]:
    """What `ophite inspect memory` says; a table of it goes to the terminal. Sizes in bytes."""
    found: dict[str, Any] = json.loads(running.ophite("inspect", "memory", "-o", "json"))
    say = running.say
    say(f"memory: {int(found['total']) / MIB:.0f} MiB, available {int(found['available']) / MIB:.0f} MiB")
    kernel = {name: int(size) / MIB for name, size in found["kernel"].items()}
    say("kernel: " + ", ".join(f"{name} {size:.0f}" for name, size in kernel.items()))
    for one in found["processes"]:
        sizes = ", ".join(f"{name} {int(one[name]) / MIB:.0f}" for name in ("resident", "proportional", "private"))
        say(f"process {one['name']:<12} {sizes} MiB")
    for one in found["groups"]:
        if one["name"] in SHOWN:
            fields = ("current", "peak", "anonymous", "file", "kernel")
            say(f"group {one['name']:<20} " + ", ".join(f"{name} {int(one.get(name, 0)) / MIB:.0f}" for name in fields))
    return found
