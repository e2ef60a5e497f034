"""Kernel modules loaded: `KernelModuleSpec` → finit_module(2) → `KernelModuleStatus`.

A few at a time, the file system's first, so that nothing waits for modules it does not need. A module is never removed
again. Missing in the image means built into the kernel when /sys/module knows it, else failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from controllers.block.sysfs import read_text
from controllers.ports import Ports
from controllers.resources.machine import KernelModuleSpec, KernelModuleStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from init.linux.modules import ModuleIndex, load_file, read_index

BATCH = 6
FIRST = ("ext4", "virtio_net", "overlay")


class ModulesApplyController(Controller):
    """`KernelModuleSpec` → loaded module → `KernelModuleStatus`. Runs in a thread: loading may take a second."""

    name = "machine.ModulesApplyController"
    inputs = (Input(KernelModuleSpec),)
    outputs = (Output(KernelModuleStatus),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths
        self._done: dict[KernelModuleSpec, KernelModuleStatus] = {}

    @cached_property
    def _index(self) -> ModuleIndex:
        return read_index(str(self._paths.modules))

    def reconcile(self, view: View) -> Iterable[Wanted]:
        specs = sorted((one.spec for one in view.list(KernelModuleSpec)), key=_urgency)
        for spec in [one for one in specs if one not in self._done][:BATCH]:
            self._done[spec] = self._load(spec)
        if any(one not in self._done for one in specs):
            view.wake_after(0.0)
        return [Wanted(spec.name, self._done[spec]) for spec in specs if spec in self._done]

    def _load(self, spec: KernelModuleSpec) -> KernelModuleStatus:
        if read_text(self._paths.sys / "module" / spec.name / "initstate") == "live":
            return KernelModuleStatus(name=spec.name, state="loaded")  # by stage 1, or before the brain restarted
        try:
            files = self._index.find_files(spec.name)
            if files is None:
                known = (self._paths.sys / "module" / spec.name.replace("-", "_")).exists()
                error = "" if known else "not in this image; build one that has it"
                return KernelModuleStatus(name=spec.name, state="builtin" if known else "failed", error=error)
            for path in files:
                load_file(path, " ".join(spec.parameters) if path == files[-1] else "")
        except (OSError, ValueError) as error:
            return KernelModuleStatus(name=spec.name, state="failed", error=str(error))
        return KernelModuleStatus(name=spec.name, state="loaded")


def _urgency(spec: KernelModuleSpec) -> tuple[bool, bool, str]:
    return spec.name not in FIRST, not spec.required, spec.name
