"""Where everything goes on a node's disk: a pure partition table, of the same names and types as an image's.

Sizes are for ten years of later versions: 1 GiB a slot and 512 MiB of ESP where the disk has 8 GiB, less on a smaller one,
but never less than what the medium says its own version needs. EPHEMERAL is not here: the node makes it in what is left.
Sources: UEFI specification 2.10, 5.3; Discoverable Partitions Specification (types of the root partitions).
Trap: FAT32 needs 65,525 clusters, and on a disk of 4096-byte sectors a cluster is at least one of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_OID, UUID, uuid5

from controllers.block import gpt

MIB = 1 << 20
GIB = 1 << 30
ROOMY_FROM = 8 * GIB
"""From this size on a disk gets slots and an ESP with room to spare."""
EPHEMERAL_MIN = 1 * GIB
SLOT_STEP = 64 * MIB
ESP_COMPACT = 256 * MIB
ESP_COMPACT_4K = 288 * MIB
"""FAT32's least number of clusters, with clusters of 4096 bytes, and a little."""
ESP_OVERHEAD = 16 * MIB
"""File allocation tables, directories, boot loaders and their configuration."""

BIOS, ESP, ROOT_A, ROOT_B, META, STATE = "BIOS", "ESP", "ROOT-A", "ROOT-B", "META", "STATE"
BIOS_TYPE = UUID("21686148-6449-6e6f-744e-656564454649")
ESP_TYPE = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
META_TYPE = UUID("6f706869-7465-4000-8000-6d6574610000")
ROOT_TYPES = {
    "amd64": UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    "arm64": UUID("b921b045-1df0-41c3-af44-4c6f280d3fae"),
}


class TooSmall(Exception):
    """The disk has no room for this version; the text says how much is missing."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What has to fit. Sizes in bytes; `boot_files` is what one slot takes on the ESP, `state` what STATE gets."""

    arch: str
    root_hash: str
    root_size: int
    boot_files: int
    state: int = 64 * MIB

    @property
    def root_id(self) -> UUID:
        """The unique id of the partition that holds this root image: the first 128 bits of its hash."""
        return UUID(self.root_hash[:32])


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the partitions whose size is not fixed."""

    esp: int
    slot: int
    state: int


def plan_sizes(payload: Payload, disk_size: int, sector_size: int) -> Sizes:
    """Return how large ESP and slots become. Raises `TooSmall`.

    In: sizes in bytes. A slot has room for an image twice as large as this one where the disk is roomy, for one half as
    large again elsewhere; the ESP for three sets of boot files, because a new one is written before an old one goes.
    """
    boot = -(-(3 * payload.boot_files + ESP_OVERHEAD) // MIB) * MIB
    state = -(-payload.state // MIB) * MIB
    roomy = Sizes(max(512 * MIB, boot), max(GIB, _steps(2 * payload.root_size)), state)
    least = ESP_COMPACT if sector_size <= 2048 else ESP_COMPACT_4K
    compact = Sizes(max(least, boot), _steps(payload.root_size + payload.root_size // 2), state)
    for sizes, minimum in ((roomy, ROOMY_FROM), (compact, 0)):
        if disk_size >= max(minimum, _needed(sizes)):
            return sizes
    needed = -(-_needed(compact) // MIB)
    raise TooSmall(f"this version needs a disk of {needed} MiB, and this one has {disk_size // MIB} MiB")


def plan_table(payload: Payload, disk_size: int, sector_size: int, disk_uuid: UUID) -> gpt.Table:
    """Return the table that an installation makes. STATE is marked as complete: no node may ever format it again.

    In: `disk_uuid`, random; the ids of all partitions but ROOT-A are made of it. Raises `TooSmall`.
    """
    sizes = plan_sizes(payload, disk_size, sector_size)
    root = ROOT_TYPES[payload.arch]
    rows = (
        (BIOS, BIOS_TYPE, MIB),
        (ESP, ESP_TYPE, sizes.esp),
        (ROOT_A, root, sizes.slot),
        (ROOT_B, root, sizes.slot),
        (META, META_TYPE, MIB),
        (STATE, gpt.LINUX_FILESYSTEM, sizes.state),
    )
    table = gpt.new_table(disk_uuid, sector_size, disk_size // sector_size)
    start = MIB // sector_size
    for number, (name, kind, size) in enumerate(rows, start=1):
        unique = payload.root_id if name == ROOT_A else uuid5(NAMESPACE_OID, f"{disk_uuid}/{name}")
        last = start + size // sector_size - 1
        attributes = gpt.ATTRIBUTE_COMPLETE if name == STATE else 0
        table = table.with_partition(gpt.Partition(number, kind, unique, start, last, name, attributes))
        start = last + 1
    return table


def get_partition(table: gpt.Table, label: str) -> gpt.Partition:
    """Return a partition by its name. Raises `GptError` when the table has none of it."""
    found = table.find(label)
    if found is None:
        raise gpt.GptError(f"there is no partition {label}")
    return found


def is_ours(table: gpt.Table) -> bool:
    """Return whether a table is one that an installation makes, whatever its sizes."""
    found = {one.label: one.type for one in table.partitions}
    return (
        found.get(META) == META_TYPE
        and found.get(ESP) == ESP_TYPE
        and {ROOT_A, ROOT_B, STATE} <= found.keys()
        and found[ROOT_A] in ROOT_TYPES.values()
    )


def _steps(size: int) -> int:
    return -(-size // SLOT_STEP) * SLOT_STEP


def _needed(sizes: Sizes) -> int:
    """Bytes of a disk that has room for these and the smallest EPHEMERAL; 2 MiB are the tables and their alignment."""
    return 2 * MIB + MIB + sizes.esp + 2 * sizes.slot + MIB + sizes.state + EPHEMERAL_MIN
