"""A node on a machine of its own, as its user and the power grid treat it: installed, upgraded, reset, cut off.

What a user does is done by the command line; what is only looked at is asked for in this process, because an emulated node
shares its processors with the test. Limits are in seconds of a native processor and are multiplied for an emulated one.
The node has a static address that DHCP never gives.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from api.cli.settings import Settings
from api.client.address import parse_address
from api.client.connect import connect, connect_insecure
from api.client.errors import ClientError
from api.client.node import Node as Connection
from api.generated.state_pb2 import ListRequest
from image import qemu
from image.accelerator import TCG
from image.cluster import make_machine, write_configuration
from image.cluster_state import Cluster
from image.qemu import HOST, Machine
from tests.harness.nodes import Running, destroy, wait_for

ADDRESS = "10.0.2.77"
STATIC = f"ip={ADDRESS}::{HOST}:255.255.255.0::eth0:off"
BOOT, INSTALL, SHUTDOWN = 15, 30, 20  # seconds, native
FAILED = "failed"


class Broken(Exception):
    """Waiting longer does not help."""


T = TypeVar("T")
Say = Callable[[str], None]
Spec = dict[str, Any]


@dataclass
class Node:
    """One node. `machine` is as it will be powered on next."""

    cluster: Cluster
    machine: Machine
    say: Say
    patience: int = 1
    began: float = 0.0
    times: dict[str, float] = field(default_factory=dict)

    @classmethod
    def make(cls, say: Say, name: str, image: Path, **fields: Any) -> Node:
        """A machine that is off, and the configuration of a cluster. In: `fields` of `Machine`; a cluster of this name goes."""
        destroy(name)
        cluster = Cluster(
            name=name,
            provisioner="qemu",
            image=str(image),
            boot=fields.pop("boot", "uefi"),
            memory=fields.pop("memory", 1536),
            cpus=2,
            disk=fields.pop("disk", 6144),
            node_address=ADDRESS,
            api=f"127.0.0.1:{qemu.find_free_port()}",
            kubernetes=f"127.0.0.1:{qemu.find_free_port()}",
        )
        cluster.save()
        write_configuration(cluster)
        machine = replace(make_machine(cluster), address=ADDRESS, watchdog=True, **fields)
        return cls(cluster, machine, say)

    @property
    def running(self) -> Running:
        """The two command lines."""
        return Running(self.cluster, self.say)

    @property
    def configuration(self) -> Path:
        """The control plane's configuration file."""
        return self.cluster.directory / "controlplane.yaml"

    def ophite(self, *words: str | Path, check: bool = True, timeout: float = 900) -> str:
        """Run `ophite` as the cluster's administrator."""
        return self.running.ophite(*map(str, words), check=check, timeout=timeout)

    # Power

    def power_on(self) -> None:
        """Power on; the files of the machine stay as they are."""
        self.patience = qemu.start(self.machine).patience
        self.began = time.monotonic()

    def cut_power(self) -> None:
        """A power cut."""
        qemu.cut_power(self.machine)

    def wait_until_off(self, seconds: float) -> float:
        """Wait for the end of the machine's process; the seconds that it took. It may have ended already."""
        return self.wait("the machine to end", lambda: self.machine.find_process() is None, seconds)

    # Looking

    def wait(self, what: str, check: Callable[[], object], seconds: float) -> float:
        """Wait until `check` gives something true; the seconds that it took."""
        return wait_for(what, check, seconds * self.patience, 0.5 if self.patience == 1 else 2)

    def took(self, what: str) -> None:
        """Note the seconds since the machine was powered on, and say them."""
        self.times[what] = round(time.monotonic() - self.began, 1)
        self.say(f"{what} at {self.times[what]} s")

    def ask(self, use: Callable[[Connection], T]) -> T:
        """Ask the node's API something; raises `ConnectionError` when it does not answer or refuses."""
        settings = Settings(ophiteconfig=str(self.cluster.ophiteconfig))
        try:
            with connect(parse_address(self.cluster.api), settings.identity()) as node:
                return use(node)
        except ClientError as error:
            raise ConnectionError(f"{error} {error.hint}") from error

    def ask_insecurely(self, use: Callable[[Connection], T]) -> T:
        """Ask a node in maintenance mode; raises `ConnectionError` when it does not answer, refuses, or is configured."""
        try:
            pinned = connect_insecure(parse_address(self.cluster.api))
            with pinned.node as node:
                if not pinned.maintenance:
                    raise ConnectionError("the node has a configuration")
                return use(node)
        except ClientError as error:
            raise ConnectionError(f"{error} {error.hint}") from error

    def find_addresses_in_maintenance(self) -> set[str]:
        """The addresses of a node that waits for its configuration."""
        found = self.ask_insecurely(lambda node: node.get("NodeAddress", "current"))
        return parse_addresses(json.loads(found.spec))

    def list(self, type_: str) -> dict[str, Spec]:
        """The resources of a type by their id."""
        found = self.ask(lambda node: node.list(ListRequest(type=type_)))
        return {resource.metadata.id: json.loads(resource.spec) for resource in found}

    def get(self, type_: str, id_: str) -> Spec:
        """One resource; raises KeyError when it is not there."""
        return self.list(type_)[id_]

    def find_boot(self) -> str:
        """The id of the present boot."""
        return str(self.get("PlatformInfo", "platform")["boot_id"])

    def find_version(self) -> str:
        """The version that runs."""
        return str(self.get("VersionInfo", "version")["version"])

    def read_configuration(self) -> str:
        """The configuration in force, with its secrets."""
        return self.ask(lambda node: node.configuration().yaml)

    def take_configuration(self) -> str:
        """Make the configuration in force the file that is changed and applied: it has the network of the installation."""
        self.configuration.write_text(self.read_configuration())
        return self.configuration.read_text()

    def find_addresses(self) -> set[str]:
        """The addresses of the node."""
        return parse_addresses(self.get("NodeAddress", "current"))

    def is_etcd_healthy(self) -> bool:
        """Does the brain say that etcd is healthy?"""
        return bool(self.get("EtcdStatus", "etcd")["healthy"])

    def find_unmet(self) -> set[str]:
        """What is not as the configuration asks for."""
        return {one["name"] for one in self.get("MachineStatus", "machine")["unmet"]}

    def wait_for_boot(self, before: str, seconds: float = BOOT) -> None:
        """Wait until the API answers in another boot."""
        self.wait("another boot", lambda: self.find_boot() not in ("", before), seconds)

    def read_console(self) -> str:
        """What the node wrote on its console since it was made."""
        path = self.machine.console
        return path.read_text(errors="replace") if path.exists() else ""

    # Doing

    def add_documents(self, text: str) -> None:
        """Put YAML documents behind the configuration file."""
        self.configuration.write_text(self.configuration.read_text().rstrip("\n") + "\n---\n" + text.strip() + "\n")

    def apply(self, *, insecure: bool = False) -> None:
        """Apply the configuration file."""
        words = ["--insecure", "-n", self.cluster.api] if insecure else []
        self.ophite("apply-config", *words, "-f", self.configuration)

    def boot_medium(self) -> None:
        """Power on from the medium, which is the only one to say the static address, until the API waits."""
        self.machine = replace(self.machine, command_line=STATIC, reboots=False)
        self.power_on()
        self.wait("the API of the medium", self.find_addresses_in_maintenance, BOOT)
        self.took("API answers from the medium")

    def wait_for_installation(self, see: Callable[[Spec], object] = lambda _: None) -> float:
        """Wait until the installed node reboots, which ends its process; the seconds that it took.

        In: `see` gets every status on the way. Raises `Broken` when the node says that it has failed.
        """
        seen: list[str] = []

        def is_over() -> bool:
            if self.machine.find_process() is None:
                return True
            status = self.get("InstallStatus", "install")
            see(status)
            line = f"{status['phase']}: {status['step']} {status['message']}"
            if line not in seen:
                seen.append(line)
            if status["phase"] == FAILED:
                raise Broken(status["message"])
            return False

        took = self.wait("the installation", is_over, INSTALL)
        self.say(f"installed in {took:.0f} s: {'; '.join(seen[-3:])}")
        return took

    def boot_disk(self) -> None:
        """Power on from the disk; no words on the command line but those of the image and the installation."""
        self.machine = replace(self.machine, medium=None, command_line="", reboots=True)
        self.power_on()
        self.wait("the API from the disk", self.find_version, BOOT)
        self.took("API answers from the disk")

    def bootstrap(self) -> None:
        """Create the cluster and wait for etcd."""
        self.wait("bootstrap", lambda: self.ophite("bootstrap"), 20)
        self.wait("etcd", self.is_etcd_healthy, 20)

    def is_emulated(self) -> bool:
        """Is the processor emulated?"""
        return self.patience == TCG.patience


def parse_addresses(spec: Spec) -> set[str]:
    """The addresses in a `NodeAddress`."""
    return set(spec["addresses"])
