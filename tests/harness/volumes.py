"""A machine for the volume controller that exists only here: disks, mounts, swap space and encryption, without a kernel."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from controllers.block import gpt
from controllers.block.discovery import Refresh
from controllers.block.disk_state import Content, DiskState
from controllers.block.kernel import InUse
from controllers.block.luks import SlotKey, mapper_path
from controllers.block.superblocks import Superblock
from controllers.block.volume_apply import VolumeApplyController
from controllers.block.volume_config import VolumeConfigController
from controllers.block.volume_steps import (
    MIB,
    Clear,
    Format,
    GrowFilesystem,
    Mount,
    PlainStep,
    SwapOff,
    SwapOn,
    Unmount,
    WriteTable,
    partition_path,
)
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.ports import Ports
from controllers.resources.block import DiscoveredVolume, Disk, VolumePhase, VolumeStatus
from controllers.resources.hardware import SystemInformation
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.resources.reset import ResetHold
from controllers.runtime.controller import Wanted
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile, run_reconcile_async

MODULES = [new(name, KernelModuleStatus(name=name, state="loaded")) for name in ("ext4", "xfs", "vfat", "dm_crypt")]
SYSTEM = new("system", SystemInformation(uuid="12345678-9abc-4def-8123-456789abcdef"))
NO_RESET = new("reset", ResetHold())
MACHINE_DISK = Disk(path="/dev/vda", size=4096 * MIB, system=True)
SECOND = Disk(path="/dev/vdb", size=4096 * MIB, serial="second")
ON_SECOND = DiskSelector(match=DiskMatch(serial="second"))
ON_SYSTEM = DiskSelector(match=DiskMatch(system=True))
KEYS = Encryption(keys=(EncryptionKey(slot=0, node_id=NodeIDKey()),))


def user(name: str = "data", disk: DiskSelector = ON_SECOND, **fields: Any) -> Resource[UserVolumeConfig]:
    """Return the document of a user volume."""
    return new(name, UserVolumeConfig(name=name, disk=disk, **fields))


def limited(maximum: str = "1GiB") -> Resource[VolumeConfig]:
    """Return the document of an EPHEMERAL that leaves room."""
    return new("EPHEMERAL", VolumeConfig(name="EPHEMERAL", max_size=maximum))


class FakeDisks:
    """Keeps `DiskPort` and `LuksPort`: remembers what was done; everything works unless a step is told to fail."""

    def __init__(self, *paths: str) -> None:
        sectors = 4096 * MIB // 512
        self.tables = {path: gpt.new_table(UUID(int=1), 512, sectors) for path in paths or ("/dev/vda", "/dev/vdb")}
        self.contents: dict[str, Content] = {}
        self.done: list[str] = []
        self.used: list[InUse] = []
        self.opened: set[str] = set()
        self.failing: dict[type | str, Exception] = {}
        """Steps by type, or paths of disks by inspection, and how they fail."""

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> DiskState:
        if path in self.failing:
            raise self.failing[path]
        table = self.tables[path]
        contents = {one.number: self.contents.get(partition_path(path, one.number), Content()) for one in table.partitions}
        return DiskState(path, size, sector_size, read_only, table, partitions=contents)

    async def execute(self, step: PlainStep) -> None:
        if type(step) in self.failing:
            raise self.failing[type(step)]
        self.done.append(type(step).__name__)
        match step:
            case WriteTable():
                self.tables[step.disk] = replace(step.table, stored_sectors=step.table.sectors)
            case Clear():
                self.contents[step.device] = Content(blank=True)
            case Format():
                self.contents[step.device] = Content(Superblock(step.filesystem, step.label))
            case Mount():
                self.used.append(InUse(step.device, step.target, 64 * MIB, read_only=step.read_only))
            case SwapOn():
                self.used.append(InUse(step.device))
            case Unmount():
                self.used = [one for one in self.used if one.target != step.target]
            case SwapOff():
                self.used = [one for one in self.used if one.source != step.device]
            case GrowFilesystem():
                pass

    def list_in_use(self, targets: Collection[str], below: str) -> list[InUse]:
        return list(self.used)

    async def format(self, device: str, label: str, key: SlotKey) -> None:
        self._note("LuksFormat")
        self.contents[device] = Content(Superblock("luks2", label))

    async def open(self, device: str, name: str, keys: Sequence[SlotKey]) -> int:
        self._note("LuksOpen")
        self.opened.add(mapper_path(name))
        return keys[0].slot

    async def close(self, name: str) -> None:
        self._note("LuksClose")
        self.opened.discard(mapper_path(name))

    async def resize(self, name: str) -> None:
        self._note("LuksResize")

    async def sync(self, device: str, keys: Sequence[SlotKey], known: Iterable[SlotKey] = ()) -> list[str]:
        self._note(f"LuksSync {','.join(str(key.slot) for key in keys)}")
        return []

    def targets(self) -> dict[str, str]:
        """Return what is mounted, target to source."""
        return {one.target: one.source for one in self.used if one.target}

    def _note(self, what: str) -> None:
        word = what.partition(" ")[0]
        if word in self.failing:
            raise self.failing[word]
        self.done.append(what)

    def discover(self) -> list[Resource[Any]]:
        """Return what discovery would publish."""
        found: list[Resource[Any]] = []
        for path, table in self.tables.items():
            name = path.rpartition("/")[2]
            found.append(new(name, DiscoveredVolume(path=path, size=4096 * MIB, filesystem="gpt")))
            for one in table.partitions:
                device = partition_path(path, one.number)
                inside = self.contents.get(device, Content()).superblock or Superblock("")
                volume = DiscoveredVolume(
                    path=device,
                    size=one.sectors * 512,
                    parent=name,
                    partition_label=one.label,
                    partition_uuid=str(one.uuid),
                    filesystem=inside.filesystem,
                    label=inside.label,
                )
                found.append(new(device.rpartition("/")[2], volume))
        return found


class Machine:
    """Controllers of volumes on one machine; `documents` are what the user wrote. Time is as given."""

    def __init__(
        self, *documents: Resource[Any], disks: Iterable[Disk] = (MACHINE_DISK, SECOND), ports: Ports | None = None
    ) -> None:
        self.documents: list[Resource[Any]] = list(documents)
        self.disks = list(disks)
        self.fake = FakeDisks(*(disk.path for disk in self.disks))
        self.ports = ports or Ports()
        self.extra: list[Resource[Any]] = [*MODULES, SYSTEM, NO_RESET]
        self.complete, self.platform = True, "metal"
        self.restart()

    def restart(self) -> None:
        """Begin a new life of the brain, on the machine as it is."""
        self.controller = VolumeApplyController(self.ports, self.fake, self.fake, Refresh())
        self.own: list[Resource[VolumeStatus]] = []

    def given(self) -> list[Resource[Any]]:
        """Return what the controller reads."""
        disks = [new(disk.path.rpartition("/")[2], disk) for disk in self.disks]
        specs = run_reconcile(VolumeConfigController(self.ports), [*self.documents, *disks])
        return [
            *(new(one.id, one.spec) for one in specs),
            *self.documents,
            *disks,
            *self.fake.discover(),
            *self.extra,
            new("config", ConfigStatus(complete=self.complete)),
            new("platform", PlatformInfo(platform=self.platform)),
        ]

    async def step(self, now: float = 2000.0) -> dict[str, VolumeStatus]:
        """Reconcile once."""
        wanted: list[Wanted] = await run_reconcile_async(self.controller, self.given(), own=self.own, now=now)
        found = {one.id: one.spec for one in wanted if isinstance(one.spec, VolumeStatus)}
        self.own = [new(label, status) for label, status in found.items()]
        return found

    async def settle(self, now: float = 2000.0) -> dict[str, VolumeStatus]:
        """Reconcile until nothing is announced any more, as the engine does."""
        await self.step(now - 100.0)
        for _ in range(12):
            found = await self.step(now)
            if all(one.phase is not VolumePhase.LOCATED for one in found.values()):
                return await self.step(now)
        raise AssertionError("volumes are announced for ever")
