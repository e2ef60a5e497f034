"""Kernel settings written: `SysctlSpec` → /proc/sys → `SysctlStatus`.

The value found before the first write is kept as `default` and comes back when the spec goes. A key whose file is not
there (its module is not loaded yet) is tried again whenever a module was loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controllers.ports import Ports
from controllers.resources.machine import KernelModuleStatus, SysctlSpec, SysctlStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

LIMIT = 4096
RETRY = 30.0


def path_of(key: str) -> str:
    """Return the path below /proc/sys of a dotted key; with a `/` in it, dots are part of names (sysctl.d(5)).

    Raises `ValueError` for a key that leads elsewhere.
    """
    parts = key.split("/") if "/" in key else key.split(".")
    if not all(part and part.strip(".") for part in parts):
        raise ValueError(f"{key!r} is not the name of a kernel setting")
    return "/".join(parts)


class SysctlApplyController(Controller):
    """`SysctlSpec` → /proc/sys → `SysctlStatus`."""

    name = "machine.SysctlApplyController"
    inputs = (Input(SysctlSpec), Input(KernelModuleStatus))
    outputs = (Output(SysctlStatus),)

    def __init__(self, ports: Ports) -> None:
        self._root = ports.paths.proc / "sys"

    def reconcile(self, view: View) -> Iterable[Wanted]:
        specs = [one.spec for one in view.list(SysctlSpec)]
        before = {one.id: one.spec for one in view.own(SysctlStatus)}
        for key in before.keys() - {spec.key for spec in specs}:
            if not before[key].error:
                self._set(key, before[key].default, before[key].default)
        wanted = [self._set(spec.key, spec.value, before[spec.key].default if spec.key in before else None) for spec in specs]
        if any(status.error for status in wanted):
            view.wake_after(RETRY)
        return [Wanted(status.key, status) for status in wanted]

    def _set(self, key: str, value: str, default: str | None) -> SysctlStatus:
        """Write one setting unless it has the value; return what is there then."""
        now = ""
        try:
            path = self._root / path_of(key)
            now = _read(path)
            default = now if default is None else default
            if now.split() != value.split():
                with path.open("w", encoding="ascii") as file:
                    file.write(value + "\n")
                now = _read(path)
        except (OSError, ValueError) as error:
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return SysctlStatus(key=key, value=now, default=default or "", error=f"{key} = {value}: {text}")
        return SysctlStatus(key=key, value=now, default=default)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LIMIT).decode("utf-8", "replace").strip()
