"""The lock of absences, once `check_quorum` has taken it: refreshed while this node is about to go, then given back.

Nothing is remembered: the lock names its holder, and the resources say whether this node has a reason to go away. So one
rule sees to every end alike: the node is back and its member healthy, the upgrade failed before the reboot, the drain or the
reset failed, the brain died between lock and request. An upgrade that waits for somebody's reboot (`--stage`) has no reason
yet. Trap: the reason appears a moment after the lock, and after a boot a moment after META, so a lock without a reason
is given back only when that has lasted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from controllers.etcd.client import make_client
from controllers.etcd.lock import AbsenceLock, Held, render_time
from controllers.etcd.status import MakeClient
from controllers.lifecycle.record import RECORD_KEY, parse_record
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdLock, EtcdStatus
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest, ShutdownNotice
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import RESET, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import bound_patience

_log = logging.getLogger("lifecycle")

ASK_SECONDS, LOOK_INTERVAL, GRACE = 5.0, 60.0, 10.0
"""Seconds that an answer of etcd may take, between two looks at the lock, and that a reason may be missing; times the patience
factor (at most `MAX_FACTOR`).
"""


class AbsenceController(Controller):
    """A lock of absences that is this node's → refreshed, or released; `EtcdLock` shows whose it is."""

    name = "lifecycle.AbsenceController"
    inputs = (
        Input(EtcdStatus, id="etcd"),
        Input(CertificateRoot, id="etcd"),
        Input(Certificate, id="etcd-client"),
        Input(MetaStatus, id="meta"),
        Input(MetaValue, id=RECORD_KEY),
        Input(PowerRequest, id="power"),
        Input(ShutdownNotice, id="init"),
        Input(ResetRequest, id=RESET),
        Input(ResetStatus, id=RESET),
        Input(UpgradeRequest, id=UPGRADE),
        Input(UpgradeStatus, id=UPGRADE),
    )
    outputs = (Output(EtcdLock),)

    def __init__(self, ports: Ports, client: MakeClient = make_client) -> None:
        self._client = client
        self._patience = ports.patience
        self._factor = bound_patience(ports.patience)
        self._spare: tuple[int, float] | None = None
        """Revision of a lock that has no reason, and when that was seen first."""

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """At most one lock; nothing without a healthy member. Raises `Waiting` when etcd or META does not answer."""
        status = view.find(EtcdStatus, "etcd")
        if status is None or not status.spec.healthy:
            return ()
        view.get(MetaStatus, "meta")  # before, nobody knows whether an upgrade goes on
        root, leaf = view.get(CertificateRoot, "etcd").spec, view.get(Certificate, "etcd-client").spec
        lock = AbsenceLock(self._client(root, leaf, ASK_SECONDS * self._factor), self._patience)
        view.wake_after(LOOK_INTERVAL * self._factor)
        try:
            held = await lock.find()
            if held is not None and held.holder.member == status.spec.member_id:
                held = await self._tend(view, lock, held)
        except RequestError as error:
            raise Waiting(f"etcd's lock of absences: {error.message}") from error
        return [Wanted("absence", render_lock(held, status.spec.member_id))] if held is not None else ()

    async def _tend(self, view: View, lock: AbsenceLock, held: Held) -> Held | None:
        """Keep or release what is this node's own; return it while it is."""
        if has_reason(view):
            self._spare = None
            await lock.refresh(held)
            return held
        if self._spare is None or self._spare[0] != held.revision:
            self._spare = (held.revision, view.now)
        left = self._spare[1] + GRACE * self._factor - view.now
        if left > 0:
            view.wake_after(left)
            return held
        if await lock.release(held):
            _log.info("the lock of absences is given back", extra={"action": held.holder.action})
        return None


def has_reason(view: View) -> bool:
    """Return whether this node is about to go away, or not yet back for good."""
    if view.find(PowerRequest, "power") is not None or view.find(ShutdownNotice, "init") is not None:
        return True
    return _is_reset(view) or _is_upgraded(view)


def _is_reset(view: View) -> bool:
    """A reset that was asked for goes on until it has failed."""
    request, status = view.find(ResetRequest, RESET), view.find(ResetStatus, RESET)
    if request is None:
        return False
    seen = status is not None and status.spec.request == request.spec.request
    return not (seen and status is not None and status.spec.phase is ResetPhase.FAILED)


def _is_upgraded(view: View) -> bool:
    """An upgrade goes on until its end, which may be another reboot; but what waits for a reboot holds nobody up."""
    request, status = view.find(UpgradeRequest, UPGRADE), view.find(UpgradeStatus, UPGRADE)
    if request is not None and (status is None or status.spec.request != request.spec.request):
        return True
    if status is None or status.spec.phase.final:
        return False
    value = view.find(MetaValue, RECORD_KEY)
    record = parse_record(value.spec.value) if value is not None else None
    return not (status.spec.phase is UpgradePhase.ARMED and record is not None and record.staged)


def render_lock(held: Held, member: str) -> EtcdLock:
    """Return the resource. In: `member`, this node's own."""
    holder = held.holder
    return EtcdLock(
        node=holder.node,
        member=holder.member,
        action=holder.action,
        since=render_time(holder.since),
        own=holder.member == member,
    )
