"""One reset from its plan to PID 1, step by step; and how it ends before anything is destroyed."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from controllers.etcd.status import MakeClient
from controllers.lifecycle.drain import drain, uncordon
from controllers.lifecycle.reset_keep import RecordWriter
from controllers.lifecycle.reset_leave import Departure
from controllers.lifecycle.reset_record import FORMAT, RecordError, ResetRecord, parse_record, render_record
from controllers.lifecycle.reset_scene import Scene
from controllers.machine.console import write_console
from controllers.ports import Ports
from controllers.resources.reset import AfterReset, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.clock import within
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.text import make_printable

if TYPE_CHECKING:
    from controllers.block.wipe_plan import WipePlan

_log = logging.getLogger("reset")

DRAIN_SECONDS, LEAVE_SECONDS, SPARE_SECONDS = 120.0, 30.0, 30.0
"""Limits of a drain, of leaving etcd, and what the last program gets beyond its own; before patience."""


class PowerPort(Protocol):
    """What is needed of PID 1."""

    def power(self, action: str, last: Sequence[str] = (), limit: float = 0.0) -> Awaitable[None]:
        """Begin the shutdown that runs `last` at its end and then does `action`."""
        ...


@dataclass
class Run:
    """One reset. `changed` is called when its status is another one."""

    ports: Ports
    supervisor: PowerPort
    client: MakeClient
    writer: RecordWriter
    changed: Callable[[], None]
    status: ResetStatus | None = None
    skipped: list[str] = field(default_factory=list)

    async def carry_out(self, scene: Scene, request: ResetRequest) -> None:
        """Do every step, in order; ends with a shutdown that began, or with the phase `failed`."""
        self.status, self.skipped = ResetStatus(phase=ResetPhase.PLANNED, request=request.request), []
        written: ResetRecord | None = None
        try:
            plan = self._plan(scene, request)
            self.status = msgspec.structs.replace(self.status, steps=tuple(step.describe() for step in plan.steps))
            await self.say("what will be destroyed is clear")
            if not request.forget:
                await self._free(scene, request)
                written = await self._remember(scene, request)
                plan = plan if written else self._plan(scene._replace(meta=""), request)
            await self.stop(plan, request.then)
        except (RuntimeFault, OSError, TimeoutError) as error:
            await self._fail(scene, request, written, error)

    def _plan(self, scene: Scene, request: ResetRequest) -> WipePlan:
        """Return what will be done. Raises `OperationError`."""
        from controllers.lifecycle.reset_plan import plan_reset  # here: hardly a boot ever needs it
        from controllers.lifecycle.reset_rest import plan_forget

        volumes = list(scene.volumes.values())
        if request.forget:
            return plan_forget(scene.record, scene.disks, scene.volumes, self.ports.patience, scene.meta)
        return plan_reset(request, scene.disks, volumes, self.ports.patience, scene.meta)

    async def _free(self, scene: Scene, request: ResetRequest) -> None:
        """Let pods and the cluster's database go elsewhere. Raises `OperationError`."""
        from controllers.lifecycle.reset_plan import destroys

        if request.graceful:
            await self._drain(scene)
            if destroys(request, "EPHEMERAL"):
                await self._leave(scene)

    async def _remember(self, scene: Scene, request: ResetRequest) -> ResetRecord | None:
        """Have META say what is wanted until it is over; returns None, with the reason noted, where that cannot be."""
        from controllers.lifecycle.reset_plan import choose

        if not scene.meta:
            self.skipped.append("record: META does not outlive a reboot here, so a reset that is cut off is not continued")
            return None
        chosen = choose(request, scene.disks, list(scene.volumes.values()))
        record = ResetRecord(
            format=FORMAT,
            request=request.request,
            targets=tuple(one.wanted for one in chosen),
            then=request.then,
            limit=request.limit,
        )
        try:
            text = render_record(record)
            parse_record(text)
            await self.writer.write(text)
        except (RuntimeFault, RecordError) as error:
            self.skipped.append(f"record: a reset that is cut off is not continued: {error}")
            return None
        return record

    async def _drain(self, scene: Scene) -> None:
        """Move the pods away, as far as they go."""
        await self._begin(ResetPhase.DRAINING, "drain the node")
        if scene.api is None or not scene.node:
            self.skipped.append("drain: Kubernetes was never reached from this node")
            return
        limit = DRAIN_SECONDS * self.ports.patience
        work = drain(scene.api, scene.node, limit, self.ports.clock, lambda text, _: self._show(text))
        try:
            left = await within(self.ports.clock, limit + SPARE_SECONDS * self.ports.patience, work, "the drain")
        except (RuntimeFault, TimeoutError) as error:
            left = (str(error),)
        if left:
            self.skipped.append(f"drain: {len(left)} did not go: {'; '.join(left[:3])}")

    async def _leave(self, scene: Scene) -> None:
        """Leave etcd, since this member's data is about to go. Raises `OperationError`."""
        if scene.member is None:
            return
        await self._begin(ResetPhase.LEAVING, "leave etcd")
        limit = LEAVE_SECONDS * self.ports.patience
        await Departure(scene.member, self.client, self.ports.clock, limit).leave()

    async def stop(self, plan: WipePlan, then: AfterReset) -> None:
        """Hand the plan to PID 1. Raises `OSError`, `ControlError`."""
        from controllers.block import wipe_main
        from controllers.block.wipe_plan import render_plan

        await self._begin(ResetPhase.STOPPING, "stop every service; the console shows what is destroyed")
        path = self.ports.paths.run / "reset.json"
        await asyncio.to_thread(_write, path, render_plan(plan))
        action = "poweroff" if then is AfterReset.POWEROFF else "reboot"
        last = (sys.executable, "-I", "-S", str(Path(wipe_main.__file__)), str(path))
        await self.supervisor.power(action, last, plan.limit + SPARE_SECONDS * self.ports.patience)

    async def _fail(self, scene: Scene, request: ResetRequest, written: ResetRecord | None, error: Exception) -> None:
        """Say why nothing was destroyed, let pods come back, and have the next boot know nothing of it."""
        assert self.status is not None
        text = str(error)
        if request.graceful and scene.api is not None and scene.node:
            try:
                await within(self.ports.clock, LEAVE_SECONDS * self.ports.patience, uncordon(scene.api, scene.node), "uncordon")
            except (RuntimeFault, TimeoutError) as trouble:
                self.skipped.append(f"uncordon: {trouble}")
        if written is not None:
            try:
                await self.writer.take_back(written, scene.record)
            except RuntimeFault as trouble:
                text = f"{text}; and the next boot will go on with it: {trouble}"
        self.status = msgspec.structs.replace(self.status, phase=ResetPhase.FAILED, error=text)
        await self.say(f"failed: {text}")

    async def _begin(self, phase: ResetPhase, step: str) -> None:
        assert self.status is not None
        self.status = msgspec.structs.replace(self.status, phase=phase)
        await self.say(step)

    async def say(self, step: str, detail: str = "") -> None:
        """Show what is done now, on the console too, there with the `detail`."""
        _log.info("reset", extra={"step": step, "detail": detail})
        namespaces = self.ports.cmdline.get("ophite.platform") == "namespaces"
        console = self.ports.paths.proc / "1/fd/2" if namespaces else self.ports.paths.dev / "console"
        line = make_printable(f"reset: {step}{': ' if detail else ''}{detail}")
        await asyncio.to_thread(write_console, console, f"{line}\r\n")
        self._show(step)

    def _show(self, step: str) -> None:
        assert self.status is not None
        self.status = msgspec.structs.replace(self.status, step=step, skipped=tuple(self.skipped))
        self.changed()


def _write(path: Path, text: str) -> None:
    """Write a file that only root may read. Raises `OSError`."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
