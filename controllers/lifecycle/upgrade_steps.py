"""From a request to a slot that the boot loader will try, as two tables of named steps: for a bundle, and for a rollback.

A step that cannot do its work raises a `LifecycleFault`, and the upgrade ends there; nothing that runs was changed. With
`force` a step goes on where it says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from controllers.etcd.quorum import check_quorum
from controllers.lifecycle.drain import LIMIT, DrainApi, drain
from controllers.lifecycle.errors import BundleError, LifecycleFault, SlotError
from controllers.lifecycle.health import describe
from controllers.lifecycle.ports import BundlePort, Opened, SlotPort
from controllers.lifecycle.progress import Progress
from controllers.lifecycle.record import Refusal, UpgradeRecord, advance, find_refusal
from controllers.lifecycle.transitions import State
from controllers.resources.lifecycle import ROLLBACK, UPLOADED, SlotStatus, UpgradePhase, UpgradeRequest
from controllers.resources.machine import MachineStatus, VersionInfo
from controllers.runtime.clock import Clock
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, new

WINDOW = 600.0
"""Seconds that a version has to be healthy in, before patience, unless the request says otherwise."""

_FORCE = "--force goes on all the same"


class Node(NamedTuple):
    """What the steps know of the machine. `api` is None where Kubernetes was never reached; `words` are the kernel
    arguments that the configuration adds, `etcd` the resources by which its members can be asked.
    """

    version: VersionInfo
    status: MachineStatus | None
    running_hash: str
    boot_id: str
    refused: tuple[Refusal, ...]
    name: str
    api: DrainApi | None
    words: tuple[str, ...] = ()
    etcd: tuple[Resource[Any], ...] = ()


@dataclass
class Work:
    """What the steps share. `save` writes a record to META and returns once it is there."""

    request: UpgradeRequest
    record: UpgradeRecord
    node: Node
    bundles: BundlePort
    slots: SlotPort
    clock: Clock
    progress: Progress
    patience: float
    save: Callable[[UpgradeRecord], Awaitable[None]]
    found: dict[str, SlotStatus]
    opened: Opened | None = None

    async def note(self, **changes: object) -> None:
        """Change the record without changing its state, and save it."""
        await self.keep(advance(self.record, self.record.state, **changes))

    async def keep(self, record: UpgradeRecord) -> None:
        """Save another record."""
        if record != self.record:
            self.record = record
            await self.save(record)


class Step(NamedTuple):
    """One line of a table."""

    phase: UpgradePhase
    name: str
    action: Callable[[Work], Awaitable[None]]


async def fetch(work: Work) -> None:
    """Have the bundle on this node."""
    if work.request.source != UPLOADED:
        await work.bundles.fetch(work.request.source, work.progress.say)


async def open_bundle(work: Work) -> None:
    """Believe the bundle, or not."""
    work.opened = await work.bundles.open(work.progress.say)
    opened = work.opened
    if work.request.bundle not in ("", opened.bundle):
        raise BundleError("another bundle was uploaded meanwhile", "upload this one again")
    await work.note(bundle=opened.bundle, to_version=opened.version, root_hash=opened.root_hash)


async def find_slots(work: Work) -> None:
    """Find the slot that runs, which must have proved itself, and the other one."""
    work.found = await work.slots.look()
    running = next((id_ for id_, slot in work.found.items() if slot.running), "")
    if not running or not work.node.running_hash:
        raise SlotError("this node does not run from a slot of a disk", "install it first: ophite install")
    if work.found[running].tries is not None and not work.request.force:
        raise SlotError(f"slot {running}, which runs, has not proved itself yet", _FORCE)
    await work.note(slot=next(id_ for id_ in ("a", "b") if id_ != running))


async def check_machine(work: Work) -> None:
    """Begin only from a machine that is ready: what it is now is what the new version is measured by."""
    status = work.node.status
    unmet = status.unmet if status else ()
    if (status is None or unmet) and not work.request.force:
        why = describe(unmet) or "it has not said how it is"
        raise LifecycleFault(f"the node is not ready: {why}", f"ophite health; {_FORCE}")
    await work.note(baseline=tuple(sorted({one.name for one in unmet})))


async def check_bundle(work: Work) -> None:
    """Refuse what is not for this node, what runs already, what failed here before, and what does not fit."""
    opened, node = work.opened, work.node
    assert opened is not None
    await work.bundles.check(node.version, node.running_hash)
    if opened.root_hash == node.running_hash:
        raise BundleError(f"this is the version that runs ({opened.version})", "nothing has to be done")
    refusal = find_refusal(node.refused, opened.bundle)
    if refusal is not None and not work.request.force:
        said = f"{refusal.version} failed on this node before, at {refusal.step}: {refusal.reason}"
        raise BundleError(said, "--force tries it again")
    await work.slots.check(work.record.slot)


async def check_other_slot(work: Work) -> None:
    """Go back only to something that can be booted and is another version."""
    slot = work.found[work.record.slot]
    if slot.error or not slot.root_hash:
        raise SlotError(f"slot {work.record.slot} holds nothing that could be booted", slot.error or "upgrade instead")
    if slot.root_hash == work.node.running_hash:
        raise SlotError(f"slot {work.record.slot} holds what runs already", "upgrade instead")
    await work.note(to_version=slot.version, root_hash=slot.root_hash)


async def check_etcd(work: Work) -> None:
    """Go away only if etcd keeps its quorum meanwhile. Asked again before the reboot: another member may have gone by then.

    The lock of absences is this member's since the request was accepted, unless it was forced.
    """
    store = MemoryStore(work.clock)
    for one in work.node.etcd:
        await store.create(new(one.id, one.spec))
    await check_quorum(store, work.request.force, action=work.request.action, clock=work.clock, patience=work.patience)


async def drain_node(work: Work) -> None:
    """Move the pods away."""
    node = work.node
    if node.api is None or not node.name:
        work.progress.say("skipped: Kubernetes was never reached from this node", 1.0)
        return
    left = await drain(node.api, node.name, LIMIT * work.patience, work.clock, work.progress.say)
    if left and not work.request.force:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise LifecycleFault(f"the node could not be drained: {'; '.join(left[:3])}{more}", _FORCE)


async def write(work: Work) -> None:
    """Write the slot that does not run."""
    await work.slots.write(work.record.slot, work.node.words, work.progress.say)


async def arm(work: Work) -> None:
    """Say in META what is about to be tried, then tell the boot loader. From here on the record decides."""
    window = work.request.window or WINDOW * work.patience
    state = {"boot_id": work.node.boot_id, "window": window, "step": "armed"}
    await work.keep(advance(work.record, State.TRYING, **state))
    await work.slots.arm(work.record.slot, work.record.to_version)


_FIND = Step(UpgradePhase.CHECKING, "find the slots", find_slots)
_READY = Step(UpgradePhase.CHECKING, "check that the node is ready", check_machine)
_QUORUM = Step(UpgradePhase.DRAINING, "check that etcd keeps its quorum", check_etcd)
_AGAIN = Step(UpgradePhase.ARMED, "check that etcd keeps its quorum", check_etcd)
_DRAIN = Step(UpgradePhase.DRAINING, "cordon the node and evict its pods", drain_node)
_ARM = Step(UpgradePhase.ARMED, "write the record and the boot entry", arm)

UPGRADE_STEPS = (
    Step(UpgradePhase.FETCHING, "fetch the bundle", fetch),
    Step(UpgradePhase.CHECKING, "check signature, sizes and hashes", open_bundle),
    _FIND,
    _READY,
    Step(UpgradePhase.CHECKING, "check that the bundle is for this node", check_bundle),
    _QUORUM,
    _DRAIN,
    Step(UpgradePhase.WRITING, "write the other slot", write),
    _AGAIN,
    _ARM,
)
ROLLBACK_STEPS = (
    _FIND,
    _READY,
    Step(UpgradePhase.CHECKING, "check the other slot", check_other_slot),
    _QUORUM,
    _DRAIN,
    _AGAIN,
    _ARM,
)


def plan_steps(request: UpgradeRequest) -> tuple[Step, ...]:
    """Return what a request needs."""
    return ROLLBACK_STEPS if request.source == ROLLBACK else UPGRADE_STEPS


async def run_steps(work: Work) -> None:
    """Do all steps; the record names the one under way. Raises what they raise."""
    for step in plan_steps(work.request):
        work.progress.begin(step.phase, step.name)
        if work.record.step != step.phase.value:
            await work.note(step=step.phase.value)
        await step.action(work)
