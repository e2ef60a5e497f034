"""Three real members of etcd, and the lock that lets one of them be away at a time. Argument: the tree of programs.

All share one network; a node's own member is the one at its address, not at localhost.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from controllers.etcd import ETCD_UID, quorum
from controllers.etcd.client import EtcdClient, make_client
from controllers.etcd.data import make_directory
from controllers.etcd.files import EtcdFilesController
from controllers.etcd.lock import KEY
from controllers.etcd.quorum import Absence, check_quorum
from controllers.etcd.service import CLIENT_PORT, METRICS_PORT, render_etcd_flags
from controllers.etcd.spec import peer_url
from controllers.lifecycle.absence_apply import GRACE, AbsenceController
from controllers.lifecycle.reset_leave import Departure
from controllers.lifecycle.reset_run import LEAVE_SECONDS
from controllers.lifecycle.reset_scene import EtcdMember
from controllers.pki.authority import Request
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdData, EtcdSpec, EtcdStatus
from controllers.resources.machine import PowerRequest
from controllers.resources.meta import MetaStatus
from controllers.runtime.clock import SystemClock
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, new
from controllers.services.errors import RequestError
from image.tools import loader_argv
from tests.harness.fake_etcd import check_keys
from tests.harness.reconcile import run_reconcile, run_reconcile_async
from tests.kernel.services.etcd_certificates import ROOT, leaf
from tests.kernel.services.private_node import eventually, prepare, write_files

ADDRESSES = {f"cp{at}": f"192.0.2.{10 + at}" for at in (1, 2, 3)}
LIMIT = 5.0
NODES: dict[str, "Node"] = {}
"""By the certificate that a node's brain shows to etcd."""


class Node:
    """A node: its member of etcd, and what its brain knows of it."""

    def __init__(self, name: str, program: list[str]) -> None:
        self.name, self.url = name, f"https://{ADDRESSES[name]}:{CLIENT_PORT}"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._controller = AbsenceController(Ports(), make_own_client)
        self.leaf = leaf("etcd-client", Request("ophite-etcd-client", client=True))
        self.client = make_client(ROOT.spec, self.leaf.spec, LIMIT, url=self.url)
        self.member = ""
        NODES[self.leaf.spec.certificate] = self

    def start(self) -> None:
        """Run the member, with the flags of a node but for what three have to share."""
        data = Path("/var/lib") / self.name
        make_directory(data, ETCD_UID)
        extra = {
            "data-dir": str(data),
            "listen-client-urls": self.url,
            "listen-metrics-urls": f"http://{ADDRESSES[self.name]}:{METRICS_PORT}",
        }
        spec = EtcdSpec(
            name=self.name,
            address=ADDRESSES[self.name],
            initial_cluster=",".join(f"{name}={peer_url(address)}" for name, address in ADDRESSES.items()),
            initial_cluster_state="new",
            extra_args=extra,
        )
        argv = [*self._program, *render_etcd_flags(spec, 1.0)]
        ids: dict[str, Any] = {"user": ETCD_UID, "group": ETCD_UID, "extra_groups": []}
        self._process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, **ids)

    def stop(self) -> None:
        """End the member."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    async def find_trouble(self) -> str:
        """Return why the member is not healthy, empty when it is."""
        try:
            status = await self.client.status()
        except RequestError as error:
            return error.message
        self.member = status.member_id
        return "no leader" if status.leader == "0" else ", ".join(status.errors)

    def resources(self, *more: Resource[Any]) -> list[Resource[Any]]:
        """Return what the node's brain knows."""
        status = EtcdStatus(healthy=True, member_id=self.member)
        data = EtcdData(initialized=True, path="/var/lib/etcd")
        meta = MetaStatus(place="", durable=True)
        return [new("etcd", status), new("data", data), new("meta", meta), ROOT, self.leaf, *more]

    async def ask(self, action: str, force: bool = False, absence: Absence = Absence.AWAY) -> str:
        """Ask whether the node may go away; return why not, empty when it may."""
        store = MemoryStore()
        for resource in self.resources():
            await store.create(resource)
        try:
            await check_quorum(store, force, action=action, clock=SystemClock(), absence=absence)
        except OperationError as error:
            return error.message
        return ""

    async def tend(self, now: float, *more: Resource[Any]) -> list[str]:
        """Have the node's controller look at the lock; return who holds it then."""
        found = await run_reconcile_async(self._controller, self.resources(*more), now=now)
        return [getattr(one.spec, "node", "") for one in found]

    async def forget(self) -> None:
        """Have the controller give the lock back."""
        assert await self.tend(0) == [self.name]
        assert await self.tend(GRACE + 1) == []


def make_own_client(root: Any, certificate: Any, timeout: float, /, *, url: str = "") -> EtcdClient:
    """`make_client`, of a node that is told by its certificate."""
    return make_client(root, certificate, timeout, url=url or NODES[certificate.certificate].url)


async def check_races(nodes: list[Node]) -> None:
    """Asked at the same moment, one may go; the others are told which."""
    for _ in range(2):
        answers = await asyncio.gather(*(node.ask("reboot") for node in nodes))
        [winner] = [node for node, answer in zip(nodes, answers, strict=True) if not answer]
        said = f"refused: {winner.name} (member {winner.member}) is away or about to go: reboot, since "
        refused = [answer for answer in answers if answer]
        assert all(answer.startswith(said) for answer in refused), answers
        assert len(refused) == 2
        await winner.forget()


async def check_a_way_down_and_up(nodes: list[Node]) -> None:
    """The lock outlives its holder's member, and a change of leader, until the member is back."""
    first, second, third = nodes
    assert await first.ask("upgrade") == ""
    assert await first.tend(0, new("power", PowerRequest(action="reboot"))) == ["cp1"]
    assert await first.tend(GRACE * 9, new("power", PowerRequest(action="reboot"))) == ["cp1"]
    first.stop()
    await eventually(second.find_trouble, "a leader")
    await eventually(third.find_trouble, "a leader")
    assert "lose its quorum" in await second.ask("reboot")
    assert await second.tend(0) == ["cp1"]
    assert await second.ask("reboot", force=True) == ""
    assert await third.tend(0) == ["cp1"], "who forces does not take another's lock"
    first.start()
    await eventually(first.find_trouble, "cp1 is back")
    assert "cp1" in await second.ask("reboot"), "not before cp1 has said so itself"
    await first.forget()
    assert await second.ask("reboot") == ""
    await second.forget()


async def check_leaving(nodes: list[Node]) -> None:
    """A reset takes the member out of the cluster, though that stops it, and gives the lock back by way of another."""
    first, second, third = nodes
    assert await third.ask("reset", absence=Absence.LEAVES) == ""
    assert "cp3" in await first.ask("reset", force=True, absence=Absence.LEAVES)
    member = EtcdMember(third.member, ROOT.spec, third.leaf.spec)
    await Departure(member, make_own_client, SystemClock(), LEAVE_SECONDS).leave()
    assert [one.name for one in await first.client.members(current=True)] == ["cp1", "cp2"]
    assert await first.client.get(KEY) is None
    assert await second.ask("reset", absence=Absence.LEAVES) == ""


def add_addresses() -> None:
    """Give loopback one address for each node."""
    for address in ADDRESSES.values():
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


async def main() -> None:
    """Start three, then every scene."""
    program = loader_argv(prepare(sys.argv[1]), "usr/bin/etcd")
    add_addresses()
    member = Request("etcd", names=("localhost",), addresses=tuple(ADDRESSES.values()), server=True, client=True)
    spec = new("etcd", EtcdSpec(name="", address="192.0.2.11", initial_cluster="", initial_cluster_state="new"))
    write_files(
        run_reconcile(EtcdFilesController(Ports()), [spec, ROOT, leaf("etcd-server", member), leaf("etcd-peer", member)])
    )
    nodes = [Node(name, program) for name in ADDRESSES]
    for node in nodes:
        node.start()
    for node in nodes:
        await eventually(node.find_trouble, f"{node.name} healthy")
    await check_keys(nodes[0].client, asyncio.sleep)
    with patch.object(quorum, "make_client", make_own_client):
        await check_races(nodes)
        await check_a_way_down_and_up(nodes)
        await asyncio.sleep(6)  # etcd lets no member go before the others were connected for 5 s (`HealthInterval`)
        await check_leaving(nodes)
    print("all of it")  # noqa: T201 - what the test shows


asyncio.run(main())
