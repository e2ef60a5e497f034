"""Encryption: how a volume is locked, as a part of the documents of volumes.

`encryption: {keys: [{slot: 0, nodeID: {}}, {slot: 1, static: {passphrase: …}}]}`. Every key opens the volume; a key slot of
LUKS2 belongs to each. Keys are added, rotated and removed by changing the list.

Trap: STATE holds the very configuration that a passphrase would be in, so it needs a key of the machine itself.
"""

from typing import Annotated

import msgspec

from controllers.config.document import Document
from controllers.config.problem import Problem
from controllers.runtime.resource import Part, Secret

SLOTS = 8
"""Key slots that a configuration may use; LUKS2 has 32, and the node needs one of the others to rotate a key."""
PASSPHRASE_MIN, PASSPHRASE_MAX = 12, 512  # bytes; cryptsetup itself takes at most 512 from a terminal


class StaticKey(Part, frozen=True, kw_only=True, rename="camel"):
    """A passphrase."""

    passphrase: Annotated[Secret, msgspec.Meta(description="12 to 512 bytes. `cryptsetup open` takes it too.")]


class NodeIDKey(Part, frozen=True, kw_only=True):
    """A key derived from the machine's own id; it has no fields."""


class EncryptionKey(Part, frozen=True, kw_only=True, rename="camel"):
    """One key: exactly one of `static` and `nodeID`."""

    slot: Annotated[int, msgspec.Meta(description="Key slot, 0 to 7; each once.")]
    static: Annotated[StaticKey | None, msgspec.Meta(description="A passphrase.")] = None
    node_id: Annotated[
        NodeIDKey | None,
        msgspec.Meta(
            description="Derived from the firmware's id of this machine: it protects a disk that leaves the machine, "
            "not one that is stolen with it."
        ),
    ] = msgspec.field(default=None, name="nodeID")


class Encryption(Part, frozen=True, kw_only=True, rename="camel"):
    """The keys of a volume; without any it is not encrypted. It counts when the volume is made."""

    keys: Annotated[tuple[EncryptionKey, ...], msgspec.Meta(description="At least one; each of them opens the volume.")] = ()


def check_encryption(document: Document, path: str, encryption: Encryption | None, *, node_id: bool = False) -> list[Problem]:
    """Return everything that is wrong with a volume's `encryption`. In: `node_id`, a key of the machine itself is a must."""
    if encryption is None:
        return []
    if not encryption.keys:
        return [document.problem(f"{path}.keys", "empty", "add a key, or leave `encryption` out")]
    found, seen = [], set()
    for index, key in enumerate(encryption.keys):
        where = f"{path}.keys[{index}]"
        if not 0 <= key.slot < SLOTS:
            found.append(document.problem(f"{where}.slot", f"{key.slot} is no key slot", f"0 to {SLOTS - 1}"))
        elif key.slot in seen:
            found.append(document.problem(f"{where}.slot", f"slot {key.slot} is there twice", "give every key its own slot"))
        seen.add(key.slot)
        found += _check_key(document, where, key)
    if node_id and all(key.node_id is None for key in encryption.keys):
        hint = "add `nodeID: {}`: the passphrase is in the configuration, and that is on this volume"
        found.append(document.problem(f"{path}.keys", "no key opens the volume before it is read", hint))
    return found


def _check_key(document: Document, where: str, key: EncryptionKey) -> list[Problem]:
    if (key.static is None) == (key.node_id is None):
        what = "neither `static` nor `nodeID`" if key.static is None else "both `static` and `nodeID`"
        return [document.problem(where, what, "write exactly one of them")]
    if key.static is None:
        return []
    size = len(key.static.passphrase.encode())
    if PASSPHRASE_MIN <= size <= PASSPHRASE_MAX:
        return []
    message = f"{size} bytes, {PASSPHRASE_MIN} to {PASSPHRASE_MAX} are allowed"
    return [document.problem(f"{where}.static.passphrase", message, "such as the output of `openssl rand -base64 24`")]
