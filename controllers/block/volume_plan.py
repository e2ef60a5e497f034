"""What has to be done for one volume on its disk: a pure plan of describable steps.

In: what is wanted and what is really on the disk (`DiskState`, read right before). Out: steps to execute, or the reason why
nothing is done. The rule that nothing may break: a file system is made only in a partition that holds nothing but zeros, or
that the node itself marked as being provisioned and never as complete. Everything else is refused by name.

Marks are GPT attribute bits of the partition: PROVISIONING is written before mkfs or cryptsetup, COMPLETE after the first
mount. So a power cut between them leads to making it again, and one after them never does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from controllers.block import gpt
from controllers.block.disk_state import Content, DiskState
from controllers.block.luks import mapper_name, mapper_path
from controllers.block.volume_steps import (
    MIB,
    USE,
    Clear,
    EncryptClose,
    EncryptFormat,
    EncryptOpen,
    EncryptSync,
    Format,
    GrowFilesystem,
    Mount,
    Step,
    SwapOn,
    WriteTable,
    partition_path,
)
from controllers.resources.block import VolumeKind, VolumePhase, VolumeSpec

__all__ = ["STATE", "SYSTEM", "Circumstances", "Plan", "WriteTable", "filesystem_label", "not_encrypted", "plan", "plan_upkeep"]

STATE = "STATE"
SYSTEM = (STATE, "EPHEMERAL")
"""The volumes of the system disk, in the order in which they get their places."""
GROW_FROM = 16 * MIB
"""Less free room than this behind a partition is not worth growing into."""
LABEL_LIMIT = {"ext4": 16, "xfs": 12, "swap": 16}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a plan depends on beside the disk.

    `configured`: the machine's configuration is complete (before that nothing on a disk is changed). `blocked`: the volume
    that has to have its place before another one is made, or "". `new_uuid`: id of a partition (and table) to be made.
    """

    configured: bool
    new_uuid: UUID
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order; or none, and then `phase` and `reason` say why. With steps, `reason` is a remark that stays.

    `number` is the partition, 0 if there is none; `encrypted` says what it holds.
    """

    steps: tuple[Step, ...] = ()
    phase: VolumePhase = VolumePhase.READY
    reason: str = ""
    number: int = 0
    encrypted: bool = False

    @property
    def makes_something(self) -> bool:
        """Whether it changes what is on the disk, and not only uses it."""
        return any(not isinstance(step, USE) for step in self.steps)


def plan(spec: VolumeSpec, disk: DiskState, around: Circumstances) -> Plan:
    """Return what to do for a volume that is not in use yet.

    Before the configuration is complete only STATE is mounted, to be read; the others may have to grow first.
    """
    if not around.configured and spec.label != STATE:
        return Plan(phase=VolumePhase.MISSING, reason="waits for a complete configuration")
    if disk.table is None:
        return _plan_blank_disk(spec, disk, around)
    partition = disk.table.find(spec.label)
    if partition is None:
        return _plan_creation(spec, disk, disk.table, around)
    return _plan_existing(spec, disk, disk.table, partition, around.configured)


def plan_upkeep(spec: VolumeSpec, disk: DiskState) -> Plan:
    """Return what to do for a volume that is in use from this disk: mark it, grow it, put the table in order.

    The mark counts most: what is in use must never be taken for half made. An encrypted volume grows when it is opened.
    """
    partition = disk.table.find(spec.label) if disk.table else None
    content = disk.partitions.get(partition.number) if partition else None
    if disk.table is None or partition is None or content is None or disk.read_only:
        return Plan()
    encrypted = _is_locked(spec, content)
    wanted = msgspec.structs.replace(spec, grow=spec.grow and not encrypted and _is_ours(spec, content))
    steps = _plan_use(wanted, disk, disk.table, partition, encrypted)
    return Plan(tuple(step for step in steps if not isinstance(step, USE)), number=partition.number, encrypted=encrypted)


def not_encrypted(device: str) -> str:
    """Return what is said of a volume that the configuration wants to be encrypted, and that is not."""
    return f"{device} is not encrypted: it was made before the configuration asked for it; reset the volume to change that"


def filesystem_label(spec: VolumeSpec) -> str:
    """Return the label of the file system itself: the volume's, as far as there is room for it."""
    return spec.label[: LABEL_LIMIT.get(spec.filesystem, 16)]


def _plan_blank_disk(spec: VolumeSpec, disk: DiskState, around: Circumstances) -> Plan:
    if disk.mbr_partitions or not disk.content.blank:
        what = "partitions of an MBR" if disk.mbr_partitions else disk.content.describe()
        return Plan(phase=VolumePhase.FAILED, reason=f"{disk.path} holds {what} and is left alone; wipe it to let it be used")
    if not around.configured:
        return Plan(phase=VolumePhase.MISSING, reason=f"{disk.path} is empty; it is set up once the configuration is complete")
    table = gpt.new_table(UUID(int=around.new_uuid.int ^ 1), disk.sector_size, disk.size // disk.sector_size)
    return _plan_creation(spec, disk, table, around)


def _plan_creation(spec: VolumeSpec, disk: DiskState, table: gpt.Table, around: Circumstances) -> Plan:
    """Create the partition in free room, then make in it what is wanted, and use it."""
    if not around.configured:
        return Plan(
            phase=VolumePhase.MISSING,
            reason=f"{disk.path} has no partition {spec.label} yet; it is made once the configuration is complete",
        )
    if around.blocked:
        return Plan(phase=VolumePhase.WAITING, reason=f"waits for {around.blocked}")
    if disk.read_only:
        return Plan(phase=VolumePhase.FAILED, reason=f"{disk.path} is read-only, so {spec.label} cannot be made on it")
    limit = _limit(spec, disk.size)
    first, last = _choose_room(table, limit)
    room = max(last - first + 1, 0) * table.sector_size
    need = max(spec.min_size, MIB)
    if room < need:
        hint = "raise its `maxSize`" if limit and limit < need else "use a bigger disk"
        hint += "" if spec.label in SYSTEM else ", or on the system disk give EPHEMERAL a `maxSize`"
        reason = f"{spec.label} needs {need // MIB} MiB, and {disk.path} has {room // MIB} MiB for it; {hint}"
        return Plan(phase=VolumePhase.FAILED, reason=reason)
    number = table.free_number()
    partition = gpt.Partition(number, UUID(spec.partition_type), around.new_uuid, first, last, spec.label)
    return _plan_making(spec, disk, table, partition, "add", changed=True)


def _choose_room(table: gpt.Table, limit: int) -> tuple[int, int]:
    """Return first and last sector for a partition of at most `limit` bytes (0 = no limit); last < first: there is none.

    With a limit it is the smallest gap that has room for all of it, so that a volume made anew finds its old place again.
    """
    step, wanted = gpt.ALIGNMENT // table.sector_size, limit // table.sector_size
    gaps = sorted(table.free_ranges(), key=lambda gap: gap[1] - gap[0])
    enough = [gap for gap in gaps if wanted and gap[1] - gap[0] + 1 >= wanted]
    first, last = enough[0] if enough else gaps[-1] if gaps else (0, -1)
    last = min(last, first + wanted - 1) if wanted else last
    return first, (last + 1) // step * step - 1


def _plan_existing(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, configured: bool) -> Plan:
    content = disk.partitions.get(partition.number)
    where = f"partition {partition.number} of {disk.path}"
    if content is None:
        reason = f"the kernel does not know {where} ({spec.label}); it may lie outside of the disk"
        return Plan(phase=VolumePhase.FAILED, reason=reason, number=partition.number)
    if _is_ours(spec, content) and not partition.attributes & gpt.ATTRIBUTE_PROVISIONING:
        return _plan_using(spec, disk, table, partition, configured)
    if not configured:
        reason = f"{where} has no file system yet; it is made once the configuration is complete"
        return Plan(phase=VolumePhase.MISSING, reason=reason, number=partition.number)
    reason = _find_objection(spec, disk, partition, content)
    if reason:
        return Plan(phase=VolumePhase.FAILED, reason=reason, number=partition.number)
    grown = _grown(spec, disk, table, partition)
    return _plan_making(spec, disk, table, grown, "prepare", changed=grown.last != partition.last)


def _find_objection(spec: VolumeSpec, disk: DiskState, partition: gpt.Partition, content: Content) -> str:
    """Return why nothing may be made in a partition with the volume's name, or ""."""
    where = f"partition {partition.number} of {disk.path}"
    if not partition.attributes & gpt.ATTRIBUTE_PROVISIONING:
        if content.filesystem == "luks2":
            return f"{where} is encrypted, and the configuration has no key for {spec.label}; add it, or wipe the partition"
        if content.superblock is not None and content.superblock.label == filesystem_label(spec):
            return f"{where} holds {content.describe()}, and {spec.filesystem} is asked for; change that, or wipe the partition"
        if partition.attributes & gpt.ATTRIBUTE_COMPLETE:
            return f"{where} was {spec.label} and now holds {content.describe()}; restore it or wipe it"
        if not content.blank:
            return f"{where} holds {content.describe()} and is left alone; wipe it to let it be used"
    return f"{disk.path} is read-only, so {spec.label} cannot be made on it" if disk.read_only else ""


def _plan_making(
    spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, verb: str, *, changed: bool
) -> Plan:
    """Mark the partition, make in it what is wanted, use it, and mark it as complete.

    In: `partition` as it shall be; `changed`, whether the kernel has to be told of it.
    """
    begun = replace(partition, attributes=(partition.attributes | gpt.ATTRIBUTE_PROVISIONING) & ~gpt.ATTRIBUTE_COMPLETE)
    written = WriteTable(disk.path, table.with_partition(begun), f"{verb} {spec.label}", partition.number if changed else 0)
    device = partition_path(disk.path, partition.number)
    names = (device, spec.label, str(partition.uuid))
    steps: list[Step] = [written]
    if spec.encrypted:  # closed first: an attempt that was cut short may have left it open
        steps += [EncryptClose(spec.label), Clear(device), EncryptFormat(*names), EncryptOpen(*names), EncryptSync(*names)]
        device = mapper_path(mapper_name(spec.label))
    else:
        steps.append(Clear(device))
    if spec.kind is not VolumeKind.RAW:
        steps.append(Format(device, spec.filesystem, filesystem_label(spec)))
    steps += [*_use(spec, disk, device), _mark(spec, disk, written.table, begun)]
    return Plan(tuple(steps), number=partition.number, encrypted=spec.encrypted)


def _plan_using(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, configured: bool) -> Plan:
    """Use what is there; with a configuration also grow it, mark it and put the table where it belongs."""
    encrypted = _is_locked(spec, disk.partitions[partition.number])
    device = partition_path(disk.path, partition.number)
    remark = ""
    if spec.encrypted and not encrypted:
        remark = (
            f"{device} is not encrypted: it was made before the configuration asked for it; reset the volume to change that"
        )
    if disk.read_only:
        remark = f"{disk.path} is read-only"
    if configured and not disk.read_only:
        steps = _plan_use(spec, disk, table, partition, encrypted)
    elif encrypted:
        opened = EncryptOpen(device, spec.label, str(partition.uuid))
        steps = (opened, *_use(spec, disk, mapper_path(mapper_name(spec.label))))
    else:
        steps = _use(spec, disk, device)
    return Plan(steps, reason=remark, number=partition.number, encrypted=encrypted)


def _plan_use(
    spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition, encrypted: bool
) -> tuple[Step, ...]:
    steps: list[Step] = []
    grown = _grown(spec, disk, table, partition)
    table = table.with_partition(grown)
    if grown != partition:
        steps.append(WriteTable(disk.path, table, f"grow {spec.label}", partition.number))
    elif not table.is_current:
        steps.append(WriteTable(disk.path, table, "put both copies in their places"))
    device = partition_path(disk.path, partition.number)
    if encrypted:
        steps.append(EncryptOpen(device, spec.label, str(partition.uuid)))
        device = mapper_path(mapper_name(spec.label))
    steps += _use(spec, disk, device)
    superblock = disk.partitions[partition.number].superblock
    smaller = superblock is not None and 0 < superblock.size < grown.sectors * table.sector_size - MIB
    if spec.grow and (encrypted or smaller):
        steps.append(GrowFilesystem(device, spec.filesystem, spec.mount_point))
    if _complete(grown.attributes) != grown.attributes:
        steps.append(_mark(spec, disk, table, grown))
    return tuple(steps)


def _use(spec: VolumeSpec, disk: DiskState, device: str) -> tuple[Step, ...]:
    if spec.kind is VolumeKind.RAW:
        return ()
    if spec.kind is VolumeKind.SWAP:
        return (SwapOn(device, spec.priority),)
    return (Mount(device, spec.filesystem, spec.mount_point, spec.executable, read_only=disk.read_only),)


def _mark(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition) -> WriteTable:
    done = replace(partition, attributes=_complete(partition.attributes))
    return WriteTable(disk.path, table.with_partition(done), f"mark {spec.label} as complete")


def _grown(spec: VolumeSpec, disk: DiskState, table: gpt.Table, partition: gpt.Partition) -> gpt.Partition:
    """Return the partition with the free room behind it, up to the wanted maximum."""
    if not spec.grow:
        return partition
    step = gpt.ALIGNMENT // table.sector_size
    last = (table.room_after(partition) + 1) // step * step - 1
    limit = _limit(spec, disk.size)
    if limit:
        last = min(last, partition.first + limit // table.sector_size - 1)
    worth = last - partition.last >= GROW_FROM // table.sector_size
    return replace(partition, last=last) if worth else partition


def _limit(spec: VolumeSpec, disk_size: int) -> int:
    """Return how many bytes the volume may have at most, 0 for as many as there are."""
    return spec.max_size or disk_size * spec.max_percent // 100


def _is_ours(spec: VolumeSpec, content: Content) -> bool:
    """Return whether a partition with the volume's name holds what was made for it."""
    if spec.kind is VolumeKind.RAW:
        return True
    found = content.superblock
    if found is None:
        return False
    if found.filesystem == "luks2":
        return spec.encrypted or spec.label == STATE
    return found.filesystem == spec.filesystem and found.label == filesystem_label(spec)


def _is_locked(spec: VolumeSpec, content: Content) -> bool:
    """Return whether a partition is an encrypted volume; what is in a raw one is its user's business."""
    return content.filesystem == "luks2" and spec.kind is VolumeKind.FILESYSTEM


def _complete(attributes: int) -> int:
    return (attributes | gpt.ATTRIBUTE_COMPLETE) & ~gpt.ATTRIBUTE_PROVISIONING
