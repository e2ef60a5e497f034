"""The plan of an installation: pure, a table of steps in an order that survives a power cut at every point.

First the mark (`mark`), under which everything that is found without a boot entry is half of an installation and may be begun
again without `wipe`. What boots comes last: entry (UEFI), boot record (BIOS); then the mark goes. So a disk either does not
boot yet, or is complete; of one that was cut off after the entry, only the end is done again (`plan_end`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from controllers.block import gpt
from controllers.block.kernel import partition_path
from controllers.block.luks_keys import SlotKey
from controllers.install import bootcode, layout, mark
from controllers.install.steps import (
    Activate,
    Clear,
    MakeEsp,
    MakeMeta,
    MakeState,
    Step,
    WriteBootCode,
    WriteBootFiles,
    WriteMark,
    WriteRoot,
    WriteTable,
)

MIB = 1 << 20
ENDS = 16 * MIB
"""What is cleared at both ends of the disk: tables, boot code, and headers of LUKS, LVM and RAID."""
HEADS = 1 * MIB
"""What is cleared at the start of each new partition."""


Lock = Callable[[str], tuple[SlotKey, ...]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What shall be on the disk in the end. Sizes in bytes; `state`: files of STATE; `bios`: the bundle has GRUB; `lock`: the
    unique id of STATE's partition → its keys, None when it is not encrypted.
    """

    disk: str
    size: int
    sector_size: int
    payload: layout.Payload
    words: tuple[str, ...] = ()
    bios: bool = False
    state: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    lock: Lock | None = None


def plan_install(goal: Goal, disk_uuid: UUID) -> tuple[Step, ...]:
    """Return the steps. In: `disk_uuid`, random, or that of an interrupted attempt. Raises `TooSmall`, `LuksError`."""
    table = layout.plan_table(goal.payload, goal.size, goal.sector_size, disk_uuid)
    device = {one.label: partition_path(goal.disk, one.number) for one in table.partitions}
    meta, state = layout.get_partition(table, layout.META), layout.get_partition(table, layout.STATE)
    return (
        WriteMark(goal.disk, mark.render_mark(disk_uuid, goal.sector_size)),
        Clear(goal.disk, plan_ranges(table)),
        WriteTable(goal.disk, table),
        WriteRoot(goal.disk, goal.payload.root_size),
        MakeEsp(device[layout.ESP], goal.sector_size),
        WriteBootFiles(goal.disk, device[layout.ESP], goal.words, goal.payload.boot_files),
        MakeMeta(device[layout.META], meta.sectors * goal.sector_size),
        MakeState(device[layout.STATE], goal.state, goal.lock(str(state.uuid)) if goal.lock else ()),
        Activate(goal.disk, device[layout.ESP], goal.words),
        *plan_end(goal, table),
    )


def plan_end(goal: Goal, table: gpt.Table) -> tuple[Step, ...]:
    """Return the steps after the boot entry."""
    steps: list[Step] = []
    if goal.bios and goal.sector_size == bootcode.SECTOR:
        bios = layout.get_partition(table, layout.BIOS)
        steps.append(WriteBootCode(goal.disk, bios.first * bootcode.SECTOR, bios.sectors * bootcode.SECTOR))
    return (*steps, WriteMark(goal.disk, bytes(goal.sector_size)))


def plan_ranges(table: gpt.Table) -> tuple[tuple[int, int], ...]:
    """Return (offset, length) of what is cleared: both ends of the disk but the mark, and the start of each partition."""
    size = table.sectors * table.sector_size
    after = mark.OFFSET + table.sector_size
    heads = [(one.first * table.sector_size, min(HEADS, one.sectors * table.sector_size)) for one in table.partitions]
    ends = ((size - ENDS, ENDS), (after, ENDS - after), (0, mark.OFFSET))
    return (*((at, length) for at, length in heads if at >= ENDS), *ends)


def describe(steps: tuple[Step, ...]) -> str:
    """Return the plan as text, one step a line."""
    return "\n".join(f"{number}. {step.describe()}" for number, step in enumerate(steps, start=1))
