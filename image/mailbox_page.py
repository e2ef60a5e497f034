"""An overlay that keeps one page of memory from Linux, for requests to a Raspberry Pi's firmware by its mailbox.

Debian's kernels have no way to ask the firmware for a try of the other slot, so the last program before the reboot does it
itself (controllers/lifecycle/mailbox.py) and needs memory whose physical address it knows. It lies below the kernel, which
the firmware loads at 2 MiB, and above what any of the boards keeps for itself at the start of memory (at most 512 KiB).
Devicetree specification 0.4, 3.5 "/reserved-memory Node".
"""

from __future__ import annotations

import struct

from image.formats.fdt import HEADER, MAGIC, OVERLAY, RESERVATIONS, TARGET, FdtError, Node, encode, parse

ADDRESS, SIZE = 0x100000, 0x1000
PARENT = "reserved-memory"
FILE = "ophite.dtbo"


def make_page_overlay(tree: Node) -> bytes:
    """The overlay for boards with a tree like this one; raises `FdtError` where it has no reserved memory to add to."""
    fragment = Node({TARGET: f"/{PARENT}".encode() + b"\0"}, {OVERLAY: Node(children=_make_page(tree))})
    return encode(Node({"compatible": tree.properties["compatible"]}, {"fragment@0": fragment}))


def lay_page(data: bytes) -> bytes:
    """A file with a device tree and the page in it, for a machine whose firmware lays no overlays (an emulator); the memory
    that it reserves by address stays reserved. Raises `FdtError`."""
    tree = parse(data)
    tree.children[PARENT].children |= _make_page(tree)
    encoded = encode(tree)
    _, total, structure, strings, at, *rest = HEADER.unpack_from(encoded)
    reserved = _read_reservations(data)
    sizes = (total + len(reserved), structure + len(reserved), strings + len(reserved))
    return HEADER.pack(MAGIC, *sizes, at, *rest) + reserved + encoded[HEADER.size :]


def _make_page(tree: Node) -> dict[str, Node]:
    """The node, by its name."""
    if PARENT not in tree.children:
        raise FdtError(f"the device tree has no /{PARENT}")
    parent = tree.children[PARENT].properties
    reg = _cells(ADDRESS, parent["#address-cells"]) + _cells(SIZE, parent["#size-cells"])
    return {f"ophite@{ADDRESS:x}": Node({"compatible": b"ophite,mailbox-page\0", "reg": reg, "no-map": b""})}


def _read_reservations(data: bytes) -> bytes:
    """The pairs of address and size in front of an empty pair."""
    start = at = HEADER.unpack_from(data)[4]
    while any(data[at : at + len(RESERVATIONS)]):
        at += len(RESERVATIONS)
    return data[start:at]


def _cells(value: int, count: bytes) -> bytes:
    """A number in as many words as the parent says."""
    return value.to_bytes(4 * struct.unpack(">I", count)[0], "big")
