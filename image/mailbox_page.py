"""An overlay that keeps one page of memory from Linux, for requests to a Raspberry Pi's firmware by its mailbox.

Debian's kernels have no way to ask the firmware for a try of the other slot, so the last program before the reboot does it
itself (controllers/lifecycle/mailbox.py) and needs memory whose physical address it knows. It lies below the kernel, which
the firmware loads at 2 MiB, and above what any of the boards keeps for itself at the start of memory (at most 512 KiB).
Devicetree specification 0.4, 3.5 "/reserved-memory Node".
"""

from __future__ import annotations

import struct

from image.formats.fdt import OVERLAY, TARGET, FdtError, Node, encode

ADDRESS, SIZE = 0x100000, 0x1000
PARENT = "reserved-memory"
FILE = "ophite.dtbo"


def make_page_overlay(tree: Node) -> bytes:
    """The overlay for boards with a tree like this one; raises `FdtError` where it has no reserved memory to add to."""
    if PARENT not in tree.children:
        raise FdtError(f"the device tree has no /{PARENT}")
    parent = tree.children[PARENT].properties
    reg = _cells(ADDRESS, parent["#address-cells"]) + _cells(SIZE, parent["#size-cells"])
    page = Node({"compatible": b"ophite,mailbox-page\0", "reg": reg, "no-map": b""})
    body = Node(children={f"ophite@{ADDRESS:x}": page})
    fragment = Node({TARGET: f"/{PARENT}".encode() + b"\0"}, {OVERLAY: body})
    return encode(Node({"compatible": tree.properties["compatible"]}, {"fragment@0": fragment}))


def _cells(value: int, count: bytes) -> bytes:
    """A number in as many words as the parent says."""
    return value.to_bytes(4 * struct.unpack(">I", count)[0], "big")
