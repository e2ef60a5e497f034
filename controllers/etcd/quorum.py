"""May this member of etcd go away? Whatever would cost the cluster its majority is refused by the server, with the reason.

`check_quorum` gathers the facts: the local member names all others, and each of them is asked how it is. `find_refusal`
judges and is pure. Where the others would miss this member, the lock of absences (lock.py) is taken as well, so that of two
that are asked at once only one goes; `lifecycle.AbsenceController` gives it back, whatever becomes of the request. A node
that serves no etcd (a worker, one in maintenance, one whose etcd never started or has lost its leader) costs nothing by a
reboot. Trap: going away for good is judged more strictly, because data goes with it.
"""

import asyncio
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from controllers.etcd.client import EtcdClient, Member, make_client
from controllers.etcd.lock import LEASE_SECONDS, AbsenceLock, Holder
from controllers.resources.kubernetes import EtcdData, EtcdStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceStatus
from controllers.runtime.clock import Clock
from controllers.runtime.errors import OperationError
from controllers.runtime.store import Store
from controllers.services.errors import RequestError
from controllers.services.health import bound_patience

ASK_SECONDS = 5.0
"""How long one member may take to say how it is, before patience."""

NO_ACCESS = "this node has no access to etcd"


class Absence(StrEnum):
    """How a member goes away: for a while; for good, after it has left the cluster; for good without a word."""

    AWAY = "away"
    LEAVES = "leaves"
    LOST = "lost"


class Voter(msgspec.Struct, frozen=True, kw_only=True):
    """One member as the others see it. `learner`: it has no vote yet."""

    id: str
    name: str = ""
    healthy: bool = True
    learner: bool = False


class QuorumFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision needs. `serving`: the local member is healthy; `holds_data`: there is a member's directory here;
    `own`: the local member's id; `error`: why the members are not known.
    """

    serving: bool = False
    holds_data: bool = False
    own: str = ""
    members: tuple[Voter, ...] = ()
    error: str = ""


def find_refusal(facts: QuorumFacts, absence: Absence, *, force: bool) -> OperationError | None:
    """Return why this member must not go away, or None when it may."""
    if not facts.serving:
        return _judge_silent(facts, absence, force)
    if facts.error:
        return None if force else _refuse(f"the members of etcd are not known: {facts.error}", "try again, or use --force")
    voters = [one for one in facts.members if not one.learner]
    if all(one.id != facts.own for one in voters):
        return None
    others = [one for one in voters if one.id != facts.own]
    if not others:
        return None if force else _refuse_last(absence)
    return _judge_majority(others, absence, force)


def _judge_silent(facts: QuorumFacts, absence: Absence, force: bool) -> OperationError | None:
    """Judge a node whose etcd does not serve: only what destroys its data may matter."""
    if absence is Absence.AWAY or not facts.holds_data or force:
        return None
    hint = "`ophite etcd status` says why; --force destroys its data nevertheless"
    return _refuse("this node holds a member's data, and its etcd is not healthy: nobody knows what would be lost", hint)


def _refuse_last(absence: Absence) -> OperationError:
    if absence is Absence.AWAY:
        text = "this is the only member of etcd: until it is back, Kubernetes' API does not answer (etcd's data stays)"
        return _refuse(text, "--force does it")
    return _refuse("this is the only member of etcd: the cluster's data goes with it, for good", "back it up; --force does it")


def _judge_majority(others: list[Voter], absence: Absence, force: bool) -> OperationError | None:
    """Judge by the members that stay; a cluster that would be lost for good is not given up by force either."""
    stay = [one for one in others if one.healthy]
    members = len(others) if absence is Absence.LEAVES else len(others) + 1
    if len(stay) >= members // 2 + 1 or (force and absence is Absence.AWAY):
        return None
    unwell = ", ".join(one.name or one.id for one in others if not one.healthy)
    message = f"etcd would lose its quorum: {len(stay)} of {members} members would be left"
    message += f" ({unwell} not healthy)" if unwell else ""
    if absence is Absence.AWAY:
        return _refuse(message, "bring the others back first: `ophite etcd members`; --force stops the whole cluster's API")
    return _refuse(message, "bring the others back, or remove them from the cluster, first: `ophite etcd members`")


def _refuse(message: str, hint: str) -> OperationError:
    return OperationError("failed_precondition", f"refused: {message}", hint)


async def check_quorum(
    store: Store, force: bool = False, *, action: str, clock: Clock, absence: Absence = Absence.AWAY, patience: float = 1.0
) -> None:
    """Raise `OperationError` (`failed_precondition`) with reason and way out when the member must not go away.

    Once it returns, this member holds the lock of absences, or nobody has to wait for it. In: `action`, what others are told
    that it does; `force`, the user insists; `patience` stretches the seconds in which the other members may answer.
    """
    facts = await gather_facts(store, patience)
    refusal = find_refusal(facts, absence, force=force)
    if refusal is None and (own := _find_missed(facts)) is not None:
        holder = Holder(node=own.name, member=own.id, action=action, since=clock.wall())
        refusal = await _find_lock_refusal(store, holder, absence, force=force, patience=patience)
    if refusal is not None:
        raise refusal


def _find_missed(facts: QuorumFacts) -> Voter | None:
    """Return this node's own member if others would miss its vote."""
    if not facts.serving or facts.error:
        return None
    voters = [one for one in facts.members if not one.learner]
    return next((one for one in voters if one.id == facts.own and len(voters) > 1), None)


async def _find_lock_refusal(
    store: Store, holder: Holder, absence: Absence, *, force: bool, patience: float
) -> OperationError | None:
    """Take the lock; return why it cannot be had, or None. It yields to force as the quorum does."""
    try:
        other = await AbsenceLock(await _make_local_client(store, patience), patience).take(holder)
    except RequestError as error:
        message = f"etcd's lock of absences cannot be taken: {error.message}"
        return None if force else _refuse(message, "try again, or use --force")
    if other is None or (force and absence is Absence.AWAY):
        return None
    minutes = LEASE_SECONDS * max(patience, 1.0) / 60
    hint = f"wait until it is back: `ophite get etcdlock`; one that never returns loses its turn after {minutes:.0f} minutes"
    return _refuse(other.describe(), f"{hint}; --force does not wait" if absence is Absence.AWAY else hint)


async def gather_facts(store: Store, patience: float = 1.0) -> QuorumFacts:
    """Return what the local member and the others say."""
    status, data = await store.find(EtcdStatus, "etcd"), await store.find(EtcdData, "data")
    holds_data = data is not None and data.spec.initialized
    if status is None and await _is_running(store):  # a brain that has just started has not asked its member yet
        return QuorumFacts(serving=True, holds_data=holds_data, error="this node's own member has not been asked yet")
    if status is None or not status.spec.healthy:
        return QuorumFacts(holds_data=holds_data)
    facts = QuorumFacts(serving=True, holds_data=holds_data, own=status.spec.member_id)
    access = await _find_access(store)
    if access is None:
        return msgspec.structs.replace(facts, error=NO_ACCESS)
    limit = _limit(patience)
    try:
        members = await make_client(*access, limit).members()
    except RequestError as error:
        return msgspec.structs.replace(facts, error=error.message)
    clients = {one.id: [make_client(*access, limit, url=url) for url in one.client_urls] for one in members}
    found = await asyncio.gather(*(_describe(one, clients[one.id]) for one in members))
    return msgspec.structs.replace(facts, members=tuple(found))


async def _find_access(store: Store) -> tuple[CertificateRoot, Certificate] | None:
    root, leaf = await store.find(CertificateRoot, "etcd"), await store.find(Certificate, "etcd-client")
    return None if root is None or leaf is None else (root.spec, leaf.spec)


async def _make_local_client(store: Store, patience: float) -> EtcdClient:
    access = await _find_access(store)
    if access is None:
        raise RequestError(NO_ACCESS)
    return make_client(*access, _limit(patience))


async def has_left(clients: Iterable[EtcdClient], member: str) -> bool:
    """Return whether the first client that answers knows that a member is out of the cluster; False when none does."""
    for client in clients:
        try:
            return all(one.id != member for one in await client.members(current=True))
        except RequestError:
            continue
    return False


def _limit(patience: float) -> float:
    """Return how many seconds a member may take."""
    return ASK_SECONDS * bound_patience(patience)


async def _is_running(store: Store) -> bool:
    service = await store.find(ServiceStatus, "etcd")
    return service is not None and service.spec.state == "running"


async def _describe(member: Member, clients: list[EtcdClient]) -> Voter:
    """Ask one member at each of its addresses; healthy is who knows a leader and complains of nothing."""
    healthy = False
    for client in clients:
        try:
            status = await client.status()
        except RequestError:
            continue
        healthy = status.leader != "0" and not status.errors
        break
    return Voter(id=member.id, name=member.name, healthy=healthy, learner=member.learner)
