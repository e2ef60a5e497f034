"""The upgrade, from the request to its end three boots later: one loop that does what `decide` says.

`reconcile` only looks: it keeps what the resources say and shows what the loop wants (status, META, reboot). The loop in
`run` acts, because its steps take minutes and are to be watched. Nothing is remembered between two lives of the brain but the
record in META: a loop that was interrupted finds `preparing` and abandons the upgrade.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from controllers.lifecycle.decide import INTERRUPTED, Decision, Move, decide
from controllers.lifecycle.errors import LifecycleFault
from controllers.lifecycle.health import further
from controllers.lifecycle.ports import BundlePort, SlotPort
from controllers.lifecycle.progress import Progress
from controllers.lifecycle.record import (
    RECORD_KEY,
    REFUSED_KEY,
    UpgradeRecord,
    advance,
    allow,
    refuse,
    render_record,
    render_refused,
)
from controllers.lifecycle.scene import INPUTS, Scene, gather
from controllers.lifecycle.transitions import State
from controllers.lifecycle.tryboot import want_argument
from controllers.lifecycle.upgrade_status import describe_upgrade
from controllers.lifecycle.upgrade_steps import Work, run_steps
from controllers.ports import Ports
from controllers.resources.lifecycle import UPGRADE, SlotStatus, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest, RebootArgument
from controllers.resources.meta import MetaRequest
from controllers.runtime.clock import within
from controllers.runtime.controller import SHARED, Controller, Output, View, Wanted
from controllers.runtime.errors import RuntimeFault
from controllers.services.health import MAX_FACTOR

_log = logging.getLogger("lifecycle")

META_LIMIT = 30.0
"""Seconds that a write of META may take, before patience."""

RETRY_INTERVAL = 5.0
"""Seconds between two attempts to end an upgrade when the disk refuses, before patience (at most `MAX_FACTOR`)."""


class UpgradeController(Controller):
    """Requests, META and slots → `UpgradeStatus`, the record in META, and the reboots of an upgrade."""

    name = "lifecycle.UpgradeController"
    inputs = INPUTS
    outputs = (
        Output(UpgradeStatus),
        Output(RebootArgument),
        Output(MetaRequest, kind=SHARED),
        Output(PowerRequest, kind=SHARED),
    )

    def __init__(self, ports: Ports, bundles: BundlePort, slots: SlotPort) -> None:
        self._ports = ports
        self._bundles = bundles
        self._slots = slots
        self._scene: Scene | None = None
        self._news = asyncio.Event()
        self._wake: Callable[[], None] = lambda: None
        self._progress = Progress(ports.clock, lambda: self._wake())
        self._work: Work | None = None
        self._meta: dict[str, str] = {}
        self._reboot = ""
        self._unwritten: UpgradeRecord | None = None

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Keep what is seen, show what is wanted. Raises `Waiting` until META was read."""
        scene = self._scene = gather(view, self._ports.patience, self.name)
        self._news.set()
        decision = decide(scene.facts)
        status = self._describe(scene, decision)
        wanted = [Wanted(key, MetaRequest(value=value)) for key, value in sorted(self._meta.items())]
        if status is not None:
            wanted.append(Wanted(UPGRADE, status))
        if said := want_argument(scene.facts, decision):
            wanted.append(Wanted("next", said))
        if self._reboot and not scene.power_asked:
            wanted.append(Wanted("power", PowerRequest(action="reboot", reason=self._reboot)))
        return wanted

    def _describe(self, scene: Scene, decision: Decision) -> UpgradeStatus | None:
        if self._is_unwritten(scene.facts.request):
            return describe_upgrade(scene.facts._replace(record=self._unwritten), Decision(Move.WAIT), self._progress, None)
        return describe_upgrade(scene.facts, decision, self._progress, self._work.record if self._work else None)

    def _is_unwritten(self, request: UpgradeRequest | None) -> bool:
        """Return whether a request has ended and META does not know."""
        return request is not None and self._unwritten is not None and request.request == self._unwritten.request

    async def run(self, wake: Callable[[], None]) -> None:
        """Do the next thing whenever something changed."""
        self._wake = wake
        self._work = None
        self._progress.end()
        while True:
            await self._news.wait()
            self._news.clear()
            if self._scene is None:
                continue
            try:
                await self._move(self._scene, decide(self._scene.facts))
            except (RuntimeFault, OSError) as error:
                await self._say_why(error)

    async def _say_why(self, error: RuntimeFault | OSError) -> None:
        """Something that ends an upgrade was refused: say so, wait a little, try again; PID 1's deadline is the last word."""
        _log.warning("the end of an upgrade is tried again", extra={"error": str(error)})
        await self._ports.clock.sleep(RETRY_INTERVAL * min(self._ports.patience, MAX_FACTOR))
        self._news.set()

    async def _move(self, scene: Scene, decision: Decision) -> None:
        record = scene.facts.record
        if decision.move is Move.PREPARE and scene.facts.request is not None:
            if self._is_unwritten(scene.facts.request):
                return
            await self._prepare(scene, scene.facts.request)
        elif record is None:
            return
        elif decision.move is Move.VERIFY:
            await self._note_stage(scene, record)
        elif decision.move is Move.COMMIT:
            await self._commit(scene, record)
        elif decision.move is Move.REBOOT:
            self._reboot = f"upgrade to {record.to_version}" if not scene.facts.is_try else f"{record.to_version} failed"
            self._wake()
        elif decision.move in (Move.FAIL, Move.ROLL_BACK, Move.ABANDON):
            await self._end(scene, record, decision)

    async def _prepare(self, scene: Scene, request: UpgradeRequest) -> None:
        """Take the steps to a slot that is tried at the next boot, or abandon the upgrade with the reason."""
        work = self._work = self._start(scene, request)
        try:
            await self._save(work.record)
            await run_steps(work)
        except (RuntimeFault, OSError) as error:
            await self._give_up(work, str(error))
        finally:
            self._work = None
            self._progress.end()

    def _start(self, scene: Scene, request: UpgradeRequest) -> Work:
        record = UpgradeRecord(
            state=State.PREPARING,
            request=request.request,
            boot_id=scene.facts.boot_id,
            from_version=scene.node.version.version,
            staged=request.stage,
        )
        return Work(
            request=request,
            record=record,
            node=scene.node,
            bundles=self._bundles,
            slots=self._slots,
            clock=self._ports.clock,
            progress=self._progress,
            patience=self._ports.patience,
            save=self._save,
            found={},
        )

    async def _give_up(self, work: Work, reason: str) -> None:
        """End before the reboot: nothing is tried, and nothing that runs was changed."""
        step = self._progress.step if self._progress.phase is None else f"{self._progress.phase}"
        if work.record.state is State.TRYING:
            await self._disarm(work.record.slot)
        await self._drop()
        ended = advance(work.record, State.ABANDONED, step=step, reason=reason)
        try:
            await work.keep(ended)
        except LifecycleFault:
            self._unwritten = ended  # META cannot be written: then only this life of the brain can say how it ended

    async def _note_stage(self, scene: Scene, record: UpgradeRecord) -> None:
        """Write into the record how far this boot came, so that the version before can say so."""
        trial = scene.facts.trial
        if trial is None:
            return
        stage = further(record.stage, trial.stage)
        if stage != record.stage:
            reason = f"{trial.missing}: {trial.reason}" if trial.reason else ""
            await self._save(advance(record, record.state, stage=stage, reason=reason))

    async def _commit(self, scene: Scene, record: UpgradeRecord) -> None:
        """The boot entry first: without it a record that says `committed` would be a lie."""
        await self._slots.commit(record.slot)
        if record.bundle and any(one.bundle == record.bundle for one in scene.node.refused):
            await self._put(REFUSED_KEY, render_refused(allow(scene.node.refused, record.bundle)))
        await self._drop()
        await self._save(advance(record, State.COMMITTED, stage="ready", step="committed", reason=""))
        _log.info("upgrade committed", extra={"version": record.to_version, "slot": record.slot})

    async def _end(self, scene: Scene, record: UpgradeRecord, decision: Decision) -> None:
        """Have the boot loader take the version before, refuse the bundle, and write down why."""
        if decision.move is Move.ROLL_BACK:
            decision = decide(scene.facts._replace(slots=await self._look()))
        state = {Move.FAIL: State.FAILED, Move.ROLL_BACK: State.ROLLED_BACK}.get(decision.move, State.ABANDONED)
        if record.slot and record.state is not State.PREPARING:
            await self._disarm(record.slot)
        reason = decision.reason or INTERRUPTED
        ended = advance(record, state, step=decision.step, reason=reason, boot_id=scene.facts.boot_id)
        if state is State.ROLLED_BACK:
            await self._refuse(scene, ended)
        if state is not State.FAILED:
            await self._drop()
        await self._save(ended)
        said = {"state": state.value, "version": record.to_version, "step": ended.step, "reason": ended.reason}
        _log.warning("upgrade ended", extra=said)

    async def _refuse(self, scene: Scene, record: UpgradeRecord) -> None:
        """Remember the bundle that failed. A META without room for that must not keep the upgrade from ending."""
        try:
            await self._put(REFUSED_KEY, render_refused(refuse(scene.node.refused, record)))
        except LifecycleFault as error:
            _log.warning("a bundle that failed could not be remembered", extra={"error": str(error)})

    async def _look(self) -> dict[str, SlotStatus]:
        """Return what the slots hold now; a disk that cannot be read must not keep an upgrade from ending."""
        try:
            return await self._slots.look()
        except (RuntimeFault, OSError) as error:
            _log.warning("the slots cannot be read", extra={"error": str(error)})
            return {}

    async def _disarm(self, slot: str) -> None:
        """Take a slot's turn away; where the disk refuses, the boot loader has used its only try up by itself."""
        try:
            await self._slots.disarm(slot)
        except (RuntimeFault, OSError) as error:
            _log.warning("a slot could not be disarmed", extra={"slot": slot, "error": str(error)})

    async def _drop(self) -> None:
        """Remove the spooled bundle; what cannot be removed is overwritten by the next one."""
        try:
            await self._bundles.drop()
        except (RuntimeFault, OSError) as error:
            _log.warning("the spooled bundle could not be removed", extra={"error": str(error)})

    async def _save(self, record: UpgradeRecord) -> None:
        await self._put(RECORD_KEY, render_record(record))

    async def _put(self, key: str, value: str) -> None:
        """Write a key of META and return once it is there. Raises `LifecycleFault`."""
        self._meta[key] = value
        self._wake()
        limit = META_LIMIT * self._ports.patience
        try:
            await within(self._ports.clock, limit, self._until(key, value), f"writing `{key}` to META")
        except TimeoutError as error:
            self._meta.pop(key, None)
            why = self._scene.meta_error if self._scene else ""
            raise LifecycleFault(f"{error}{f': {why}' if why else ''}", "ophite get metastatus") from error

    async def _until(self, key: str, value: str) -> None:
        while self._scene is None or self._scene.meta.get(key) != value:
            self._news.clear()
            await self._news.wait()
        self._news.set()
