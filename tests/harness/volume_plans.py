"""Disks as a plan sees them, and wishes of every kind: what the tests of volume plans begin with."""

from dataclasses import replace
from uuid import UUID

from controllers.block import gpt
from controllers.block.disk_state import Content, DiskState
from controllers.block.superblocks import Superblock
from controllers.block.volume_plan import Circumstances, Plan, plan
from controllers.block.volume_steps import MIB, Clear, Format, Mount, WriteTable
from controllers.resources.block import VolumeKind, VolumeSpec

NEW = UUID(int=77)
SIZE = 4096 * MIB
KIND = str(gpt.LINUX_FILESYSTEM)
STATE = VolumeSpec(
    label="STATE", mount_point="/state", partition_type=KIND, min_size=64 * MIB, max_size=64 * MIB, system=True, grow=True
)
EPHEMERAL = VolumeSpec(
    label="EPHEMERAL", mount_point="/var", partition_type=KIND, min_size=1024 * MIB, system=True, grow=True, executable=True
)
USER = VolumeSpec(label="u-data", mount_point="/var/mnt/data", partition_type=KIND, min_size=32 * MIB, executable=True)
RAW = VolumeSpec(label="r-ceph", kind=VolumeKind.RAW, partition_type=KIND, min_size=MIB, filesystem="")
SWAP = VolumeSpec(label="s-one", kind=VolumeKind.SWAP, partition_type=KIND, min_size=MIB, filesystem="swap", priority=5)
OURS = Content(Superblock("ext4", "STATE", "u", 64 * MIB))
LUKS = Content(Superblock("luks2", "x"))
MAKE = [WriteTable, Clear, Format, Mount, WriteTable]


def entry(number: int, label: str, first_mib: int, mib: int, attributes: int = 0) -> gpt.Partition:
    first = first_mib * 2048
    return gpt.Partition(number, gpt.LINUX_FILESYSTEM, UUID(int=number), first, first + mib * 2048 - 1, label, attributes)


def disk(*partitions: gpt.Partition, contents: dict[int, Content] | None = None, size: int = SIZE) -> DiskState:
    table = gpt.new_table(UUID(int=1), 512, size // 512)
    for one in partitions:
        table = table.with_partition(one)
    table = replace(table, stored_sectors=table.sectors)
    return DiskState("/dev/vda", size, 512, table=table, partitions=contents or {})


def make(spec: VolumeSpec, state: DiskState, configured: bool = True, blocked: str = "") -> Plan:
    return plan(spec, state, Circumstances(configured, NEW, blocked))


def kinds(made: Plan) -> list[type]:
    return [type(step) for step in made.steps]


ROOT = entry(1, "ROOT-A", 1, 200)
BLANK = Content(blank=True)
UNKNOWN = Content()


def created(made: Plan, label: str) -> gpt.Partition:
    """Return the partition that the first step writes."""
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    found = step.table.find(label)
    assert found is not None
    return found
