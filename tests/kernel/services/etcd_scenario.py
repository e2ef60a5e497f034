"""A real etcd, from documents to a healthy member, by the controllers' own words. Argument: the tree of programs."""

import asyncio
import subprocess
import sys
import time
from typing import Any

from controllers.config.documents import EtcdConfig, MachineConfig, MachineType
from controllers.etcd.bootstrap import BootstrapFacts, find_refusal
from controllers.etcd.client import EtcdClient, make_client
from controllers.etcd.data import EtcdDataController
from controllers.etcd.files import EtcdFilesController
from controllers.etcd.quorum import Absence, gather_facts
from controllers.etcd.quorum import find_refusal as find_quorum_refusal
from controllers.etcd.service import EtcdServiceController
from controllers.etcd.spec import EtcdSpecController
from controllers.etcd.status import EtcdStatusController
from controllers.pki.authority import Request
from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.kubernetes import EtcdBootstrap, EtcdData, EtcdSpec, EtcdStatus
from controllers.resources.machine import Stage
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.services import ServiceSpec, ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, new
from controllers.services.health import Probe, check_etcd
from image.tools import loader_argv
from tests.harness.reconcile import run_reconcile, run_reconcile_async
from tests.kernel.services.etcd_certificates import CA, ROOT, leaf
from tests.kernel.services.private_node import ADDRESS, eventually, prepare, write_files

PORTS = Ports()
CONFIG: list[Resource[Any]] = [
    new("default", MachineConfig(type=MachineType.CONTROL_PLANE)),
    new("default", EtcdConfig(ca=CA)),
    new("hostname", HostnameStatus(hostname="cp1")),
    new("default", NodeAddress(addresses=(ADDRESS,))),
    new("time", TimeStatus(synced=True)),
]
VOLUME = new("EPHEMERAL", VolumeStatus(phase=VolumePhase.READY, mounted=True))


def look() -> Resource[EtcdData]:
    """Return what the node says of etcd's directory."""
    (wanted,) = run_reconcile(EtcdDataController(PORTS), [VOLUME])
    assert isinstance(wanted.spec, EtcdData)
    return new("data", wanted.spec)


def want_service(data: Resource[EtcdData], *more: Resource[Any]) -> tuple[ServiceSpec, Resource[EtcdSpec]]:
    """Return the service that the controllers want now, its files written with certificates issued anew."""
    (wanted,) = run_reconcile(EtcdSpecController(PORTS), [*CONFIG, data, *more])
    assert isinstance(wanted.spec, EtcdSpec)
    spec = new("etcd", wanted.spec)
    member = Request("cp1", names=("cp1", "localhost"), addresses=("127.0.0.1", ADDRESS), server=True, client=True)
    files = run_reconcile(EtcdFilesController(PORTS), [spec, ROOT, leaf("etcd-server", member), leaf("etcd-peer", member)])
    (service,) = run_reconcile(EtcdServiceController(PORTS), [*CONFIG, spec, *write_files(files)])
    assert isinstance(service.spec, ServiceSpec)
    return service.spec, spec


def start(program: list[str], spec: ServiceSpec) -> subprocess.Popen[bytes]:
    """Run the service as PID 1 would."""
    argv = [*program, *spec.argv[1:]]
    return subprocess.Popen(argv, user=spec.uid, group=spec.gid, extra_groups=[], cwd=spec.workdir, stderr=subprocess.DEVNULL)


def refusal(data: Resource[EtcdData]) -> str:
    """Return why bootstrap is refused on this node, empty when it is not."""
    facts = BootstrapFacts(
        stage=Stage.STARTING, complete=True, type=MachineType.CONTROL_PLANE, etcd_ca=True, synced=True, data=data.spec
    )
    found = find_refusal(facts)
    return found.message if found else ""


async def check_members(client: EtcdClient, resources: list[Resource[Any]], own: str) -> None:
    """The only member may not go; a learner that joins changes nothing of that, and can be removed again."""
    store = MemoryStore()
    for resource in resources:
        await store.create(resource)
    facts = await gather_facts(store)
    assert [(one.id, one.healthy, one.learner) for one in facts.members] == [(own, True, False)], facts
    assert "only member" in str(find_quorum_refusal(facts, Absence.AWAY, force=False))
    await client._call("/v3/cluster/member/add", {"peerURLs": [f"https://{ADDRESS}:12380"], "isLearner": True})
    learner = next(one for one in (await gather_facts(store)).members if one.id != own)
    assert (learner.healthy, learner.learner) == (False, True)
    await client.remove(learner.id)
    assert [one.id for one in await client.members()] == [own]


async def main() -> None:
    """Bootstrap, ask, stop, start again with the data, be refused a second bootstrap."""
    program = loader_argv(prepare(sys.argv[1]), "usr/bin/etcd")
    assert refusal(look()) == ""
    first, _ = want_service(look(), new("bootstrap", EtcdBootstrap(requested=1.0)))
    probe = Probe("", None, 5.0)
    client_leaf = leaf("etcd-client", Request("ophite-etcd-client", client=True))
    client = make_client(ROOT.spec, client_leaf.spec, 5.0)
    for round_ in range(2):
        began = time.monotonic()
        process = start(program, first)
        await eventually(lambda: check_etcd(probe), "etcd healthy")
        print(f"round {round_}: healthy after {time.monotonic() - began:.1f} s")  # noqa: T201 - what the test shows
        (member,) = await client.members()
        assert (member.name, member.peer_urls) == ("cp1", (f"https://{ADDRESS}:2380",))
        resources: list[Resource[Any]] = [new("etcd", ServiceStatus(state="running")), ROOT, client_leaf]
        (status,) = await run_reconcile_async(EtcdStatusController(PORTS), resources)
        assert isinstance(status.spec, EtcdStatus)
        assert status.spec.healthy, status.spec
        assert status.spec.leader == member.id
        assert await client.alarms() == []
        await check_members(client, [ROOT, client_leaf, new("etcd", status.spec)], member.id)
        assert look().spec.initialized
        assert "is not empty" in refusal(look())
        # A brain that starts now issues other certificates and must want the very same service.
        again, _ = want_service(look())
        assert again == first
        await eventually(lambda: check_etcd(probe), "etcd healthy with its new certificates")
        assert (await client.status()).version == status.spec.version
        process.terminate()
        process.wait(30)


asyncio.run(main())
