"""Kernel modules loaded: `KernelModuleSpec` → finit_module(2) → `KernelModuleStatus`.

A few at a time: the file system's first, then drivers of devices, so that nothing waits for modules it does not need. A module
is never removed again. Missing in the image means built into the kernel when /sys/module knows it, else failed. The image's
table takes megabytes, so it is forgotten when everything is loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from controllers.block.sysfs import read_text
from controllers.config.documents.kernel_module_config import KernelModuleConfig
from controllers.machine.modules_config import COMPANIONS
from controllers.ports import Ports
from controllers.resources.machine import KernelModuleSpec, KernelModuleStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from init.linux.modules import ModuleIndex, load_file, read_index

BATCH = 6
FIRST = frozenset({"ext4", "virtio_net", "overlay", *(name for names in COMPANIONS.values() for name in names)})
KEPT = 30.0
"""Seconds that the image's table is kept after its last use: while a machine boots, one driver leads to the next."""
Task = tuple[str, tuple[str, ...], frozenset[str]]
"""Name, parameters, and what is denied: what decides how loading a module ends."""


class ModulesApplyController(Controller):
    """`KernelModuleSpec` → loaded module → `KernelModuleStatus`. Runs in a thread: loading may take a second."""

    name = "machine.ModulesApplyController"
    inputs = (Input(KernelModuleSpec), Input(KernelModuleConfig))
    outputs = (Output(KernelModuleStatus),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths
        self._done: dict[Task, KernelModuleStatus] = {}
        self._index: ModuleIndex | None = None
        self._used = 0.0

    def reconcile(self, view: View) -> Iterable[Wanted]:
        specs = sorted((one.spec for one in view.list(KernelModuleSpec)), key=_urgency)
        documents = [one.spec for one in view.list(KernelModuleConfig)]
        denied = frozenset(one.name.replace("-", "_") for one in documents if one.denied)
        tasks = {spec.name: (spec.name, spec.parameters, denied) for spec in specs}
        for spec in [one for one in specs if tasks[one.name] not in self._done][:BATCH]:
            self._done[tasks[spec.name]] = self._load(spec, denied)
            self._used = view.now
        if any(one not in self._done for one in tasks.values()):
            view.wake_after(0.0)
        elif self._index is not None:
            view.wake_after(KEPT)
            if view.now >= self._used + KEPT:
                self._index = None
        return [Wanted(name, self._done[task]) for name, task in tasks.items() if task in self._done]

    def _find_files(self, name: str) -> list[str] | None:
        self._index = self._index or read_index(str(self._paths.modules))
        return self._index.find_files(name)

    def _load(self, spec: KernelModuleSpec, denied: Collection[str]) -> KernelModuleStatus:
        if read_text(self._paths.sys / "module" / spec.name / "initstate") == "live":
            return KernelModuleStatus(name=spec.name, state="loaded")  # by stage 1, or before the brain restarted
        try:
            files = self._find_files(spec.name)
            if files is None:
                known = (self._paths.sys / "module" / spec.name.replace("-", "_")).exists()
                error = "" if known else "not in this image; build one that has it"
                return KernelModuleStatus(name=spec.name, state="builtin" if known else "failed", error=error)
            if needed := sorted({_module_of(path) for path in files} & set(denied)):
                error = f"needs {', '.join(needed)}, which KernelModuleConfig denies"
                return KernelModuleStatus(name=spec.name, state="failed", error=error)
            for path in files:
                load_file(path, " ".join(spec.parameters) if path == files[-1] else "")
        except (OSError, ValueError) as error:
            return KernelModuleStatus(name=spec.name, state="failed", error=str(error))
        return KernelModuleStatus(name=spec.name, state="loaded")


def _urgency(spec: KernelModuleSpec) -> tuple[bool, bool, bool, str]:
    return spec.name not in FIRST, not spec.reason, not spec.required, spec.name


def _module_of(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")
