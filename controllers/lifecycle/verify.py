"""Does the new version prove itself? `MachineStatus` against what the record in META says of before → `TrialStatus`.

The window is seconds since the kernel started (CLOCK_MONOTONIC), so no clock has to be right. PID 1 keeps a later deadline
of its own, for a brain that never comes this far.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.lifecycle.health import SETTLE, Trial, is_healthy, judge
from controllers.lifecycle.record import RECORD_KEY, UpgradeRecord, parse_record
from controllers.lifecycle.running import find_root_hash
from controllers.lifecycle.transitions import State
from controllers.ports import Ports
from controllers.resources.lifecycle import TrialStatus
from controllers.resources.machine import MachineStatus, PlatformInfo
from controllers.resources.meta import MetaValue
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

TRIAL = "trial"
LOOK_INTERVAL = 5.0
"""Seconds between two looks at the time, at most."""


class VerifyController(Controller):
    """`MetaValue/upgrade`, `MachineStatus` → `TrialStatus`, while this boot is a try."""

    name = "lifecycle.VerifyController"
    inputs = (
        Input(MetaValue, id=RECORD_KEY),
        Input(PlatformInfo, id="platform"),
        Input(MachineStatus, id="machine"),
    )
    outputs = (Output(TrialStatus),)

    def __init__(self, ports: Ports) -> None:
        self._settle = SETTLE * ports.patience

    def reconcile(self, view: View) -> Iterable[Wanted]:
        value, platform = view.find(MetaValue, RECORD_KEY), view.get(PlatformInfo, "platform").spec
        record = parse_record(value.spec.value) if value else None
        if record is None or record.state is not State.TRYING or record.root_hash != find_root_hash(platform.command_line):
            return []
        return [Wanted(TRIAL, self._judge(view, record))]

    def _judge(self, view: View, record: UpgradeRecord) -> TrialStatus:
        found = view.find(MachineStatus, "machine")
        status = found.spec if found else None
        since: float | None = None
        if is_healthy(record.baseline, status):
            before = next((one.spec.healthy_since for one in view.own(TrialStatus)), None)
            since = view.now if before is None else before
        healthy_for = None if since is None else view.now - since
        left = record.window - view.now
        judgement = judge(record.baseline, status, Trial(healthy_for, left, min(self._settle, record.window / 4)))
        view.wake_after(max(0.1, min(LOOK_INTERVAL, left if left > 0 else LOOK_INTERVAL)))
        return TrialStatus(**judgement._asdict(), deadline=record.window, healthy_since=since)
