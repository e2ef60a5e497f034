"""A reset: `ResetRequest` → plan → drain → leave etcd → PID 1, which stops everything and runs the program that destroys.

`reconcile` only looks and shows; `run` acts, because a drain takes minutes and is to be watched. Everything has a limit: pods
that do not go and an API that does not answer are noted and passed over, for a reset has to end. Only an etcd that will not let
its member go ends it, before anything was destroyed. What happens after PID 1 was told is seen on the console. META remembers
what is wanted until it is over, so a boot that finds it there goes on (`reset_continue`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from controllers.etcd.client import make_client
from controllers.etcd.status import MakeClient
from controllers.lifecycle.reset_continue import MISSING_SECONDS, Continuation
from controllers.lifecycle.reset_keep import RecordWriter
from controllers.lifecycle.reset_run import PowerPort, Run
from controllers.lifecycle.reset_scene import INPUTS, Scene, gather
from controllers.ports import Ports
from controllers.resources.meta import MetaRequest, MetaStatus
from controllers.resources.reset import RESET, ResetStatus
from controllers.runtime.controller import SHARED, Controller, Output, View, Wanted

LOOK_INTERVAL = 1.0
"""Seconds between two looks at the time while disks may still appear."""


class ResetController(Controller):
    """`ResetRequest` or META's record of one, disks, etcd, Kubernetes → `ResetStatus`, and the end of this node as it is."""

    name = "lifecycle.ResetController"
    inputs = INPUTS
    outputs = (Output(ResetStatus), Output(MetaRequest, kind=SHARED))

    def __init__(self, ports: Ports, supervisor: PowerPort, client: MakeClient = make_client) -> None:
        self._patience = ports.patience
        self._wake: Callable[[], None] = lambda: None
        self._writer = RecordWriter(ports, lambda: self._wake())
        self._run = Run(ports, supervisor, client, self._writer, lambda: self._wake())
        self._continuation = Continuation(self._run)
        self._scene: Scene | None = None
        self._asked = asyncio.Event()
        self._taken = ""
        self._since: float | None = None

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Keep what is seen, show how far it is and what META shall hold."""
        self._since = view.now if self._since is None else self._since
        scene = self._scene = gather(view, self._patience, view.now - self._since)
        if scene.held and scene.age <= MISSING_SECONDS * self._patience:
            view.wake_after(LOOK_INTERVAL)
        self._asked.set()
        meta = view.find(MetaStatus, "meta")
        yield from self._writer.see(scene.record, meta.spec if meta else None)
        if self._run.status:
            yield Wanted(RESET, self._run.status)

    async def run(self, wake: Callable[[], None]) -> None:
        """Carry out every request once; a second one is made only after the first has failed."""
        self._wake = wake
        while True:
            await self._asked.wait()
            self._asked.clear()
            scene = self._scene
            if scene is None:
                continue
            if scene.request is None:
                await self._continuation.look(scene)
            elif scene.request.request != self._taken:
                self._taken = scene.request.request
                await self._run.carry_out(scene, scene.request)
