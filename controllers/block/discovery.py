"""What is on each device: `BlockDevice` → `DiscoveredVolume`, from GPT labels and superblocks.

Every device gets exactly one `DiscoveredVolume`, also when nothing is recognised or reading fails, so that readers can
tell "looked and found nothing" from "not looked yet". A hostile or broken device spoils only its own entry.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from controllers.block import gpt, superblocks, sysfs
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.text import make_printable

PROBED = frozenset({"disk", "partition", "mapper", "raid", "optical", "loop"})


class Refresh:
    """Lets one controller ask another one to look again: what is on a device changes without an announcement."""

    def __init__(self) -> None:
        self._wakes: list[Callable[[], None]] = []

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have `wake` called at every request."""
        self._wakes.append(wake)

    def request(self) -> None:
        """Ask for another look."""
        for wake in self._wakes:
            wake()


def device_reader(path: str | Path) -> gpt.Read:
    """Return a `read(offset, length)` of a device or image; each call opens it, so nothing stays open.

    The returned function raises `OSError`.
    """

    def read(offset: int, length: int) -> bytes:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.pread(fd, length, offset)
        finally:
            os.close(fd)

    return read


class DiscoveryController(Controller):
    """`BlockDevice` → `DiscoveredVolume` for each. Runs in a thread, since a dying disk may take its time."""

    name = "block.DiscoveryController"
    inputs = (Input(BlockDevice),)
    outputs = (Output(DiscoveredVolume),)
    inline = False

    def __init__(self, ports: Ports, refresh: Refresh) -> None:
        self._sys = ports.paths.sys
        self._refresh = refresh

    def reconcile(self, view: View) -> Iterable[Wanted]:
        devices = [one.spec for one in view.list(BlockDevice)]
        tables = {one.name: self._read_table(one) for one in devices if one.kind not in ("partition", "other")}
        return [Wanted(one.name, self._discover(one, tables)) for one in devices]

    async def run(self, wake: Callable[[], None]) -> None:
        """Look again when somebody wrote to a device."""
        self._refresh.subscribe(wake)

    def _read_table(self, device: BlockDevice) -> gpt.Table | gpt.GptError | None:
        try:
            return gpt.parse(device_reader(device.path), sysfs.sector_size(self._sys, device.name), device.size)
        except gpt.GptError as error:
            return error
        except OSError:
            return None

    def _discover(self, device: BlockDevice, tables: dict[str, gpt.Table | gpt.GptError | None]) -> DiscoveredVolume:
        volume = DiscoveredVolume(path=device.path, size=device.size, parent=device.parent)
        table = tables.get(device.parent)
        if isinstance(table, gpt.Table):
            entry = next((one for one in table.partitions if one.number == device.partition_number), None)
            if entry is not None:
                volume = msgspec.structs.replace(
                    volume,
                    partition_label=make_printable(entry.label),
                    partition_uuid=str(entry.uuid),
                    partition_type=str(entry.type),
                )
        if device.kind not in PROBED:
            return volume
        own = tables.get(device.name)
        if own is not None:
            return msgspec.structs.replace(volume, filesystem="gpt", error=str(own) if isinstance(own, gpt.GptError) else "")
        try:
            return _recognise(volume, device_reader(device.path))
        except OSError as error:
            return msgspec.structs.replace(volume, error=f"{device.path}: {error.strerror}")


def _recognise(volume: DiscoveredVolume, read: gpt.Read) -> DiscoveredVolume:
    """Return the volume with what is on it. Raises `OSError` of `read`."""
    found = superblocks.probe(read, volume.size)
    if found is not None:
        return msgspec.structs.replace(volume, filesystem=found.filesystem, label=found.label, uuid=found.uuid)
    if superblocks.has_mbr_partitions(read(0, 512)):
        return msgspec.structs.replace(volume, filesystem="mbr")
    return msgspec.structs.replace(volume, blank=superblocks.is_blank(read, volume.size))
