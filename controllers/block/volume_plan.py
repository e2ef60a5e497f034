"""What has to be done for one volume: a pure plan of describable steps.

In: what is wanted and what is really on the system disk (`DiskState`, read right before). Out: steps to execute, or the
reason why nothing is done. The rule that nothing may break: a file system is made only in a partition that holds nothing
but zeros, or that the node itself marked as being provisioned and never as complete. Everything else is refused by name.

Marks are GPT attribute bits of the partition: PROVISIONING is written before mke2fs, COMPLETE after the first mount. So a
power cut between them leads to mke2fs again, and one after them never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from controllers.block import gpt
from controllers.block.superblocks import Superblock
from controllers.resources.block import VolumePhase, VolumeSpec

MIB = 1024 * 1024
STATE = "STATE"
GROW_FROM = 16 * MIB
"""Less free room than this behind a partition is not worth growing into."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a partition holds: a superblock, zeros (`blank`), or something unknown."""

    superblock: Superblock | None = None
    blank: bool = False

    def describe(self) -> str:
        """Say it in words."""
        if self.superblock is None:
            return "nothing" if self.blank else "unknown data"
        label = f" labelled {self.superblock.label}" if self.superblock.label else ""
        return f"a {self.superblock.filesystem} file system{label}"


@dataclass(frozen=True, slots=True)
class DiskState:
    """The system disk. `table` is None when it has no GPT; `content` is then what it holds; sizes in bytes."""

    path: str
    size: int
    sector_size: int
    read_only: bool = False
    table: gpt.Table | None = None
    content: Content = Content()
    mbr_partitions: bool = False
    partitions: dict[int, Content] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteTable:
    """Store the partition table, both copies; add or resize one partition in the kernel, if `number` is not 0."""

    disk: str
    table: gpt.Table
    reason: str
    number: int = 0

    def describe(self) -> str:
        """Say what is done."""
        return f"write the partition table of {self.disk}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Format:
    """Make a file system."""

    disk: str
    number: int
    filesystem: str
    label: str

    def describe(self) -> str:
        """Say what is done."""
        return f"make {self.filesystem} {self.label} in partition {self.number} of {self.disk}"


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount the partition; `executable` where programs of containers live."""

    disk: str
    number: int
    filesystem: str
    target: str
    executable: bool

    def describe(self) -> str:
        """Say what is done."""
        return f"mount partition {self.number} of {self.disk} at {self.target}"


@dataclass(frozen=True, slots=True)
class GrowFilesystem:
    """Let the mounted file system fill its partition of `size` bytes."""

    target: str
    size: int

    def describe(self) -> str:
        """Say what is done."""
        return f"grow the file system at {self.target} to {self.size // MIB} MiB"


Step = WriteTable | Format | Mount | GrowFilesystem


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order; or none, and then `phase` and `reason` say why. `number` is the partition, 0 if there is none."""

    steps: tuple[Step, ...] = ()
    phase: VolumePhase = VolumePhase.READY
    reason: str = ""
    number: int = 0


def plan(spec: VolumeSpec, disk: DiskState, *, configured: bool, new_uuid: UUID) -> Plan:
    """Return what to do for a volume that is not mounted yet.

    In: `configured`, whether the machine's configuration is complete (before that nothing on a disk is changed);
    `new_uuid`, the id of a partition (and table) that has to be created. Before the configuration only STATE is mounted,
    to be read; the others may have to grow first.
    """
    if not configured and spec.label != STATE:
        return Plan(phase=VolumePhase.MISSING, reason="waits for a complete configuration")
    if disk.table is None:
        return _plan_blank_disk(spec, disk, configured, new_uuid)
    partition = disk.table.find(spec.label)
    if partition is None:
        return _plan_creation(spec, disk, disk.table, configured, new_uuid)
    return _plan_existing(spec, disk, disk.table, partition, configured)


def _plan_blank_disk(spec: VolumeSpec, disk: DiskState, configured: bool, new_uuid: UUID) -> Plan:
    if disk.mbr_partitions or not disk.content.blank:
        what = "partitions of an MBR" if disk.mbr_partitions else disk.content.describe()
        return Plan(phase=VolumePhase.FAILED, reason=f"{disk.path} holds {what} and is left alone")
    if not configured:
        return Plan(phase=VolumePhase.MISSING, reason=f"{disk.path} is empty; it is set up once the configuration is complete")
    table = gpt.new_table(UUID(int=new_uuid.int ^ 1), disk.sector_size, disk.size // disk.sector_size)
    return _plan_creation(spec, disk, table, configured, new_uuid)


def _plan_creation(spec: VolumeSpec, disk: DiskState, table: gpt.Table, configured: bool, new_uuid: UUID) -> Plan:
    """Create the partition in the biggest gap, then format and mount it."""
    if not configured:
        return Plan(
            phase=VolumePhase.MISSING,
            reason=f"{disk.path} has no partition {spec.label} yet; it is made once the configuration is complete",
        )
    if disk.read_only:
        return Plan(phase=VolumePhase.FAILED, reason=f"{disk.path} is read-only")
    step = gpt.ALIGNMENT // table.sector_size
    first, last = max(table.free_ranges(), key=lambda gap: gap[1] - gap[0], default=(0, -1))
    last = (last + 1) // step * step - 1
    room = max(last - first + 1, 0) * table.sector_size
    if room < spec.min_size or room < MIB:
        need = max(spec.min_size, MIB)
        reason = f"{spec.label} needs {need // MIB} MiB, and {disk.path} has {room // MIB} MiB free; use a bigger disk"
        return Plan(phase=VolumePhase.FAILED, reason=reason)
    if spec.max_size:
        last = min(last, first + spec.max_size // table.sector_size - 1)
    number = table.free_number()
    kind = UUID(spec.partition_type)
    partition = gpt.Partition(number, kind, new_uuid, first, last, spec.label, gpt.ATTRIBUTE_PROVISIONING)
    written = WriteTable(disk.path, table.with_partition(partition), f"add {spec.label}", number)
    return Plan((written, *_format_and_mount(spec, disk, written.table, partition)), number=number)


def _plan_existing(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, configured: bool) -> Plan:
    content = disk.partitions.get(partition.number, Content())
    if _is_ours(spec, content) and not partition.attributes & gpt.ATTRIBUTE_PROVISIONING:
        return _plan_mount(spec, disk, table, partition, configured)
    where = f"partition {partition.number} of {disk.path}"
    if not configured:
        reason = f"{where} has no file system yet; it is made once the configuration is complete"
        return Plan(phase=VolumePhase.MISSING, reason=reason, number=partition.number)
    if partition.attributes & gpt.ATTRIBUTE_COMPLETE:
        reason = f"{where} was {spec.label} and now holds {content.describe()}; restore it or wipe it"
        return Plan(phase=VolumePhase.FAILED, reason=reason, number=partition.number)
    if not content.blank and not partition.attributes & gpt.ATTRIBUTE_PROVISIONING:
        reason = f"{where} holds {content.describe()} and is left alone; wipe it to let it be used"
        return Plan(phase=VolumePhase.FAILED, reason=reason, number=partition.number)
    grown = replace(_grown(spec, table, partition), attributes=partition.attributes | gpt.ATTRIBUTE_PROVISIONING)
    number = partition.number if grown.last != partition.last else 0
    written = WriteTable(disk.path, table.with_partition(grown), f"prepare {spec.label}", number)
    return Plan((written, *_format_and_mount(spec, disk, written.table, grown)), number=partition.number)


def _plan_mount(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, configured: bool) -> Plan:
    """Mount what is there; with a configuration also grow it, mark it and put the table where it belongs."""
    mount = _mount(spec, disk, partition.number)
    if not configured or disk.read_only:
        return Plan((mount,), number=partition.number)
    steps: list[Step] = []
    grown = _grown(spec, table, partition)
    table = table.with_partition(grown)
    if grown != partition:
        steps.append(WriteTable(disk.path, table, f"grow {spec.label}", partition.number))
    elif not table.is_current:
        steps.append(WriteTable(disk.path, table, "put both copies in their places"))
    steps.append(mount)
    size = grown.sectors * table.sector_size
    superblock = disk.partitions[partition.number].superblock
    if superblock is not None and 0 < superblock.size < size - MIB:
        steps.append(GrowFilesystem(spec.mount_point, size))
    if _complete(grown.attributes) != grown.attributes:
        steps.append(_mark(spec, disk, table, grown))
    return Plan(tuple(steps), number=partition.number)


def _format_and_mount(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition) -> tuple[Step, ...]:
    return (
        Format(disk.path, partition.number, spec.filesystem, spec.label),
        _mount(spec, disk, partition.number),
        _mark(spec, disk, table, partition),
    )


def _mark(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition) -> WriteTable:
    done = replace(partition, attributes=_complete(partition.attributes))
    return WriteTable(disk.path, table.with_partition(done), f"mark {spec.label} as complete")


def _mount(spec: VolumeSpec, disk: DiskState, number: int) -> Mount:
    return Mount(disk.path, number, spec.filesystem, spec.mount_point, executable=spec.label != STATE)


def _grown(spec: VolumeSpec, table: gpt.Table, partition: gpt.Partition) -> gpt.Partition:
    """Return the partition with the free room behind it, up to the wanted maximum."""
    step = gpt.ALIGNMENT // table.sector_size
    last = (table.room_after(partition) + 1) // step * step - 1
    if spec.max_size:
        last = min(last, partition.first + spec.max_size // table.sector_size - 1)
    worth = last - partition.last >= GROW_FROM // table.sector_size
    return replace(partition, last=last) if worth else partition


def _is_ours(spec: VolumeSpec, content: Content) -> bool:
    found = content.superblock
    return found is not None and found.filesystem == spec.filesystem and found.label == spec.label


def _complete(attributes: int) -> int:
    return (attributes | gpt.ATTRIBUTE_COMPLETE) & ~gpt.ATTRIBUTE_PROVISIONING
