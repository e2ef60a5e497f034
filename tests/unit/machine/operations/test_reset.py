"""What the API may ask of a reset, and what it is refused."""

from typing import Any

import pytest

from controllers.etcd import quorum
from controllers.etcd.lock import AbsenceLock, Holder
from controllers.etcd.quorum import QuorumFacts, Voter
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.machine import PlatformInfo, PowerRequest, ShutdownNotice
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import AfterReset, ResetMode, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace
from tests.harness.fake_etcd import Cluster

THREE = tuple(Voter(id=name) for name in "abc")


@pytest.fixture
async def node(table: Any) -> Any:
    """A node with the usual disk."""
    await table.store.create(new("platform", PlatformInfo(platform="metal")))
    await table.store.create(new("vda", Disk(path="/dev/vda", size=100, system=True)))
    for label in ("STATE", "EPHEMERAL"):
        volume = DiscoveredVolume(path=f"/dev/{label}", size=1, parent="vda", partition_label=label, partition_uuid=label)
        await table.store.create(new(label, volume))
    await table.store.create(new("etcd", CertificateRoot(certificate="", key="")))
    await table.store.create(new("etcd-client", Certificate(subject="", certificate="", key="", ca="etcd", not_after=0)))
    return table


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, table: Any) -> Cluster:
    """The etcd that the lock is in."""
    made = Cluster(table.clock)
    monkeypatch.setattr(quorum, "make_client", lambda *_, **__: made.client())
    return made


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> list[Voter]:
    """The members of etcd, this node being `a`."""
    found: list[Voter] = []

    async def gather(store: Any, patience: float) -> QuorumFacts:
        return QuorumFacts(serving=bool(found), holds_data=bool(found), own="a", members=tuple(found))

    monkeypatch.setattr(quorum, "gather_facts", gather)
    return found


async def test_a_request_becomes_a_resource(node: Any) -> None:
    answer = await node.call("reset", mode="all", graceful=False, then="maintenance", limit=60.0)
    request = (await node.store.get(ResetRequest, "reset")).spec
    wanted = ResetRequest(
        request=answer["request"], mode=ResetMode.ALL, graceful=False, then=AfterReset.MAINTENANCE, limit=60.0
    )
    assert request == wanted
    assert answer["limit"] == 60.0
    assert "remove 2 partitions of /dev/vda" in answer["steps"]


async def test_planning_does_nothing(node: Any) -> None:
    answer = await node.call("reset", plan_only=True)
    assert answer["steps"]
    assert answer["request"] == ""
    assert await node.store.find(ResetRequest, "reset") is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mode": "everything"}, "bad request"),
        ({"then": "explode"}, "bad request"),
        ({"limit": -1.0}, "a limit of -1 s"),
        ({"limit": float("nan")}, "a limit of nan s"),
        ({"limit": 86400.0}, "a limit of 86400 s"),
        ({"user_disks": ["/dev/vdb"] * 65, "mode": "all"}, "more than 64"),
        ({"system_volumes": ["ROOT-A"]}, "no such system volume"),
    ],
)
async def test_bad_requests(node: Any, params: dict[str, Any], message: str) -> None:
    with pytest.raises(OperationError, match=message) as caught:
        await node.call("reset", **params)
    assert caught.value.code == "invalid_argument"
    assert await node.store.find(ResetRequest, "reset") is None


async def test_a_node_in_namespaces_has_nothing_to_destroy(table: Any) -> None:
    await table.store.create(new("platform", PlatformInfo(platform="namespaces")))
    with pytest.raises(OperationError, match="no disks of its own"):
        await table.call("reset")


@pytest.mark.parametrize(
    ("count", "params", "refused"),
    [
        (0, {}, ""),
        (1, {}, "only member of etcd: the cluster's data goes with it"),
        (1, {"force": True}, ""),
        (1, {"system_volumes": ["STATE"]}, "only member of etcd: until it is back"),
        (2, {}, ""),
        (2, {"graceful": False}, "1 of 2 members would be left"),
        (2, {"graceful": False, "force": True}, "1 of 2 members would be left"),
        (3, {}, ""),
        (3, {"graceful": False}, ""),
    ],
)
async def test_etcd_decides(node: Any, members: list[Voter], count: int, params: dict[str, Any], refused: str) -> None:
    members += THREE[:count]
    if not refused:
        await node.call("reset", **params)
        return
    with pytest.raises(OperationError, match=refused):
        await node.call("reset", **params)


@pytest.mark.parametrize("graceful", [False, True])
async def test_one_after_the_other(node: Any, members: list[Voter], cluster: Cluster, graceful: bool) -> None:
    members += THREE
    lock = AbsenceLock(cluster.client())
    await lock.take(Holder(node="cp2", member="b", action="upgrade", since=1.0))
    for force in (False, True):
        with pytest.raises(OperationError, match=r"cp2 \(member b\) is away or about to go: upgrade"):
            await node.call("reset", graceful=graceful, force=force)
    assert await node.store.find(ResetRequest, "reset") is None
    held = await lock.find()
    assert held is not None
    await lock.release(held)
    await node.call("reset", graceful=graceful)
    held = await lock.find()
    assert held is not None
    assert held.holder == Holder(node="", member="a", action="reset", since=node.clock.wall())
    with pytest.raises(OperationError, match="a reset is under way"):
        await node.call("reset", graceful=graceful)
    assert await lock.find() is not None, "the one that is under way keeps it"


@pytest.mark.parametrize("notice", [new("power", PowerRequest(action="reboot")), new("init", ShutdownNotice(action="reboot"))])
async def test_it_comes_too_late(node: Any, notice: Any) -> None:
    await node.store.create(notice)
    with pytest.raises(OperationError, match="shutting down already"):
        await node.call("reset")


async def test_a_second_one_only_after_the_first_has_failed(node: Any) -> None:
    first = (await node.call("reset"))["request"]
    with pytest.raises(OperationError, match="a reset is under way"):
        await node.call("reset")
    status = await node.store.create(new("reset", ResetStatus(phase=ResetPhase.DRAINING, request=first)))
    with pytest.raises(OperationError, match="a reset is under way"):
        await node.call("reset")
    await node.store.update(replace(status, ResetStatus(phase=ResetPhase.FAILED, request=first)))
    second = (await node.call("reset", graceful=False))["request"]
    assert second != first
    assert not (await node.store.get(ResetRequest, "reset")).spec.graceful
    with pytest.raises(OperationError, match="a reset is under way"):
        await node.call("reset")
