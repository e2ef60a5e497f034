"""May a member of etcd go away: every case by name, and where the facts come from."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace as replace_fields

from controllers.etcd import quorum
from controllers.etcd.client import Member, MemberStatus
from controllers.etcd.quorum import Absence, QuorumFacts, Voter, check_quorum, find_refusal, gather_facts
from controllers.resources.kubernetes import EtcdData, EtcdStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new, replace
from controllers.services.errors import RequestError
from tests.harness.clock import FakeClock
from tests.harness.fake_etcd import Cluster

AWAY, LEAVES, LOST = Absence.AWAY, Absence.LEAVES, Absence.LOST


def members(health: str) -> QuorumFacts:
    """`+` healthy, `-` not, `l` a healthy learner; the first one is this node."""
    voters = [Voter(id=str(at), name=f"cp{at}", healthy=mark != "-", learner=mark == "l") for at, mark in enumerate(health)]
    return QuorumFacts(serving=True, holds_data=True, own="0", members=tuple(voters))


SILENT, SILENT_WITH_DATA = QuorumFacts(), QuorumFacts(holds_data=True)
UNKNOWN = QuorumFacts(serving=True, holds_data=True, own="0", error="no answer in time")
STRANGER = QuorumFacts(serving=True, holds_data=True, own="gone", members=members("+++").members)


@pytest.mark.parametrize(
    ("facts", "absence", "refusal", "forced"),
    [
        # no etcd, none that started, or one that has lost its cluster
        (SILENT, AWAY, "", ""),
        (SILENT, LOST, "", ""),
        (SILENT_WITH_DATA, AWAY, "", ""),
        (SILENT_WITH_DATA, LEAVES, "not healthy", ""),
        (SILENT_WITH_DATA, LOST, "not healthy", ""),
        (UNKNOWN, AWAY, "not known: no answer in time", ""),
        # a single member
        (members("+"), AWAY, "only member", ""),
        (members("+"), LEAVES, "for good", ""),
        (members("+"), LOST, "for good", ""),
        (members("+l"), AWAY, "only member", ""),
        # two: neither may be away, one may leave
        (members("++"), AWAY, "1 of 2 members", ""),
        (members("++"), LEAVES, "", ""),
        (members("++"), LOST, "1 of 2 members", "1 of 2 members"),
        (members("+-"), LEAVES, "0 of 1 members", "0 of 1 members"),
        # three
        (members("+++"), AWAY, "", ""),
        (members("+++"), LEAVES, "", ""),
        (members("+++"), LOST, "", ""),
        (members("++-"), AWAY, "1 of 3 members would be left (cp2 not healthy)", ""),
        (members("++-"), LEAVES, "1 of 2 members", "1 of 2 members"),
        (members("++-"), LOST, "1 of 3 members", "1 of 3 members"),
        # learners have no vote, and lose nothing
        (members("++l"), AWAY, "1 of 2 members", ""),
        (members("l+-"), AWAY, "", ""),
        (members("l+-"), LEAVES, "", ""),
        (STRANGER, AWAY, "", ""),
        # four and five
        (members("++++"), AWAY, "", ""),
        (members("+++-"), AWAY, "2 of 4 members", ""),
        (members("+++-"), LEAVES, "", ""),
        (members("+++--"), AWAY, "2 of 5 members would be left (cp3, cp4 not healthy)", ""),
        (members("++++-"), AWAY, "", ""),
    ],
)
def test_every_case(facts: QuorumFacts, absence: Absence, refusal: str, forced: str) -> None:
    for force, wanted in ((False, refusal), (True, forced)):
        found = find_refusal(facts, absence, force=force)
        if not wanted:
            assert found is None
            continue
        assert found is not None
        assert wanted in found.message
        assert found.hint
        assert found.code == "failed_precondition"


def test_a_single_member_is_told_what_force_costs() -> None:
    found = find_refusal(members("+"), AWAY, force=False)
    assert found is not None
    assert "Kubernetes' API does not answer (etcd's data stays)" in found.message
    assert "--force" in found.hint


class FakeEtcd:
    """Members by client URL; a URL without a status does not answer."""

    def __init__(self, members: list[Member], statuses: dict[str, MemberStatus], url: str = "") -> None:
        self._members, self._statuses, self._url = members, statuses, url

    async def members(self, *, current: bool = False) -> list[Member]:
        if not self._members:
            raise RequestError("no answer in time")
        return self._members

    async def status(self) -> MemberStatus:
        if self._url not in self._statuses:
            raise RequestError("refused")
        return self._statuses[self._url]


def member(id_: str, *urls: str) -> Member:
    return Member(id=id_, name=f"cp{id_}", peer_urls=(), client_urls=urls, learner=False)


def status(leader: str = "a", *errors: str) -> MemberStatus:
    return MemberStatus(
        member_id="",
        leader=leader,
        version="",
        db_size=0,
        db_size_in_use=0,
        raft_index=0,
        raft_term=0,
        learner=False,
        errors=errors,
    )


async def check(store: MemoryStore, force: bool = False, absence: Absence = AWAY) -> None:
    await check_quorum(store, force, action="reboot", clock=FakeClock(), absence=absence)


async def make_store(*, healthy: bool = True, own: str = "a") -> MemoryStore:
    store = MemoryStore(FakeClock())
    await store.create(new("etcd", EtcdStatus(healthy=healthy, member_id=own)))
    await store.create(new("data", EtcdData(initialized=True, path="/var/lib/etcd")))
    await store.create(new("etcd", CertificateRoot(certificate="ca", key="")))
    leaf = Certificate(subject="", certificate="c", key="k", ca="etcd", not_after=0)
    await store.create(new("etcd-client", leaf))
    return store


async def test_every_member_is_asked_at_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [member("a", "https://a"), member("b", "https://dead", "https://b"), member("c", "https://c"), member("d")]
    answers = {"https://a": status(), "https://b": status(), "https://c": status("0")}

    def make(root: Any, leaf: Any, timeout: float, *, url: str = "") -> FakeEtcd:
        return FakeEtcd(found, answers, url)

    monkeypatch.setattr(quorum, "make_client", make)
    facts = await gather_facts(await make_store())
    assert (facts.serving, facts.own, facts.error) == (True, "a", "")
    assert [(one.id, one.healthy) for one in facts.members] == [("a", True), ("b", True), ("c", False), ("d", False)]


async def test_a_node_without_a_healthy_member_asks_nobody() -> None:
    assert await gather_facts(MemoryStore(FakeClock())) == QuorumFacts()
    assert await gather_facts(await make_store(healthy=False)) == QuorumFacts(holds_data=True)


async def test_a_brain_that_has_just_started_does_not_know_yet() -> None:
    store = MemoryStore(FakeClock())
    service = await store.create(new("etcd", ServiceStatus(state="starting")))
    assert await gather_facts(store) == QuorumFacts()
    await store.update(replace(service, ServiceStatus(state="running")))
    with pytest.raises(OperationError, match="own member has not been asked yet"):
        await check(store)
    await check(store, force=True)


async def test_members_that_cannot_be_listed_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(root: Any, leaf: Any, timeout: float, *, url: str = "") -> FakeEtcd:
        return FakeEtcd([], {}, url)

    monkeypatch.setattr(quorum, "make_client", make)
    store = await make_store()
    with pytest.raises(OperationError, match="not known: no answer in time"):
        await check(store)
    await check(store, force=True)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Three members, `a`, `b` and `c`, and the lock that they share."""
    made = Cluster.of(FakeClock(), "a", "b", "c")
    monkeypatch.setattr(quorum, "make_client", lambda root, leaf, timeout, *, url="": made.client(url))
    return made


async def test_of_two_that_are_asked_in_the_same_second_one_goes(cluster: Cluster) -> None:
    stores = [await make_store(own=own) for own in "ab"]
    found = await asyncio.gather(*(check(store) for store in stores), return_exceptions=True)
    [refused] = [error for error in found if error is not None]
    winner = "ab"[found.index(None)]
    assert isinstance(refused, OperationError)
    assert refused.code == "failed_precondition"
    said = f"refused: {winner} (member {winner}) is away or about to go: reboot, since 2027-01-15 08:00:00 UTC"
    assert refused.message == said
    assert refused.hint == (
        "wait until it is back: `ophite get etcdlock`; one that never returns loses its turn after 11 minutes; "
        "--force does not wait"
    )
    await check(stores["ab".index(winner)])
    await check(stores["ba".index(winner)], force=True)
    with pytest.raises(OperationError, match="about to go: reboot"):
        await check(await make_store(own="c"))


@pytest.mark.parametrize("absence", [LEAVES, LOST])
async def test_force_does_not_pass_over_it_when_data_goes(cluster: Cluster, absence: Absence) -> None:
    await check(await make_store(own="b"), absence=absence)
    for force in (False, True):
        with pytest.raises(OperationError, match="b \\(member b\\) is away") as refused:
            await check(await make_store(), force=force, absence=absence)
        assert "--force" not in refused.value.hint


async def test_a_refusal_takes_no_lock(cluster: Cluster) -> None:
    cluster.down = {"https://c"}
    with pytest.raises(OperationError, match="lose its quorum"):
        await check(await make_store())
    assert (cluster.keys, cluster.leases) == ({}, {})


async def test_nobody_misses_the_only_member_a_learner_or_a_stranger(cluster: Cluster) -> None:
    await check(await make_store(own="gone"))
    cluster.members[0] = replace_fields(cluster.members[0], learner=True)
    await check(await make_store())
    del cluster.members[1:]
    cluster.members[0] = replace_fields(cluster.members[0], learner=False)
    await check(await make_store(), force=True)
    await check(await make_store(healthy=False))
    assert (cluster.keys, cluster.leases) == ({}, {})


async def test_a_lock_that_etcd_does_not_give_is_a_reason(cluster: Cluster) -> None:
    cluster.trouble = "etcdserver: request timed out"
    with pytest.raises(OperationError, match="lock of absences cannot be taken: etcdserver: request timed out") as refused:
        await check(await make_store())
    assert refused.value.hint == "try again, or use --force"
    await check(await make_store(), force=True)
