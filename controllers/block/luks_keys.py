"""Keys of encrypted volumes, and how key slots become what the configuration says: pure.

A `nodeID` key is HKDF-SHA256 (RFC 5869) of the firmware's id of the machine and the partition's unique id. It protects a disk
that leaves its machine (returned, sold, thrown away) against everybody who does not know that id. It does not protect
against a thief of the whole machine, nor against somebody who may read the firmware: the id is no secret there. It does
not use the node's identity on STATE, so that user volumes outlive a reset of STATE.

The rule of `plan_slots`: whatever steps have been done when the power fails, a key that worked before or one of the wanted ones
opens the volume; and the plan made then goes on from there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controllers.config.documents.encryption import SLOTS, Encryption
from controllers.resources.hardware import SystemInformation

ALL_SLOTS = 32  # of LUKS2: cryptsetup's LUKS2_KEYSLOTS_MAX
SALT = b"ophite volume key 1"
_PLACEHOLDERS = frozenset(
    {"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc"}
)
"""UUIDs that careless makers gave to whole series of boards."""


class LuksError(Exception):
    """A volume cannot be locked or unlocked as the configuration says; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class SlotKey:
    """A key and the slot where it belongs."""

    slot: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddKey:
    """Put a key into the empty slot `slot`. `opens_with` is a key that opens the volume now."""

    slot: int
    key: SlotKey
    opens_with: SlotKey

    def describe(self) -> str:
        """Say what is done."""
        return f"add the key of slot {self.key.slot} in slot {self.slot}"


@dataclass(frozen=True, slots=True)
class RemoveSlot:
    """Wipe a slot. `opens_with` is a key that still opens the volume afterwards."""

    slot: int
    opens_with: SlotKey

    def describe(self) -> str:
        """Say what is done."""
        return f"wipe slot {self.slot}"


SlotStep = AddKey | RemoveSlot


def find_machine_id(system: SystemInformation) -> str:
    """Return the id that the firmware gives this machine: its UUID, or on boards without one the serial number.

    Raises `LuksError` when there is none, or one that many machines have.
    """
    uuid = system.uuid.strip().lower()
    digits = uuid.replace("-", "")
    if re.fullmatch(r"[0-9a-f]{32}", digits) and len(set(digits)) > 2 and uuid not in _PLACEHOLDERS:
        return uuid
    serial = system.serial.strip()
    if not uuid and len(serial) >= 8 and len(set(serial)) > 2:
        return f"serial {serial}"
    raise LuksError("the firmware gives this machine no id of its own, so there is no nodeID key; use a `static` key")


def derive_node_key(machine_id: str, partition_uuid: str) -> bytes:
    """Return the `nodeID` passphrase of a partition: 64 hexadecimal digits."""
    extracted = hmac.digest(SALT, machine_id.encode(), hashlib.sha256)
    return hkdf_expand(extracted, partition_uuid.lower().encode(), 32).hex().encode()


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return the second half of HKDF-SHA256 (RFC 5869, 2.3)."""
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), hashlib.sha256)
        out += block
    return out[:length]


def node_key(slot: int, system: SystemInformation, partition_uuid: str) -> SlotKey:
    """Return the machine's own key for a partition. Raises `LuksError`."""
    return SlotKey(slot, derive_node_key(find_machine_id(system), partition_uuid))


def resolve_keys(encryption: Encryption, system: SystemInformation, partition_uuid: str) -> tuple[SlotKey, ...]:
    """Return the keys of a volume's configuration, by slot. Raises `LuksError`."""
    keys = []
    for one in sorted(encryption.keys, key=lambda key: key.slot):
        if one.static is not None:
            keys.append(SlotKey(one.slot, one.static.passphrase.encode()))
        else:
            keys.append(node_key(one.slot, system, partition_uuid))
    return tuple(keys)


def plan_slots(
    present: Collection[int], fitting: Collection[int], wanted: Sequence[SlotKey], opener: SlotKey
) -> tuple[SlotStep, ...]:
    """Return the steps from the slots that are `present` to exactly the `wanted` keys in their own slots.

    In: `fitting`, those of the wanted slots that hold their key already; `opener`, a key that opens the volume now, with the
    slot in which it does. Raises `LuksError` when no slot is free for what has to be done.
    """
    if not wanted:
        raise LuksError("an encrypted volume needs a key")
    steps: list[SlotStep] = []
    used = set(present)
    keeper = next((key for key in wanted if key.slot in fitting), None)
    missing = [key for key in wanted if key.slot not in fitting]
    # Empty slots first, and the slot of the key that opens the volume now last: so there is always one that does.
    missing.sort(key=lambda key: (key.slot in used, key.slot == opener.slot, key.slot))
    if keeper is None and missing[0].slot == opener.slot:
        spare = _find_spare(used)  # its own slot is the only one there is: the new key waits in another until that is free
        steps.append(AddKey(spare, missing[0], opener))
        used.add(spare)
        keeper = missing[0]
    for key in missing:
        if key.slot in used:
            steps.append(RemoveSlot(key.slot, keeper or opener))
        steps.append(AddKey(key.slot, key, keeper or opener))
        used.add(key.slot)
        keeper = keeper or key
    assert keeper is not None
    return (*steps, *(RemoveSlot(slot, keeper) for slot in sorted(used - {key.slot for key in wanted})))


def _find_spare(used: Collection[int]) -> int:
    """Return a free slot outside of those that a configuration may use. Raises `LuksError`."""
    for slot in range(SLOTS, ALL_SLOTS):
        if slot not in used:
            return slot
    raise LuksError("all key slots of the volume are taken; free one with `cryptsetup luksKillSlot` on another machine")
