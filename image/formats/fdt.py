"""Flattened device trees: reading one, writing one, and an overlay that turns one tree into another.

Firmware loads the tree of a board and lays overlays over it, for example for another stepping of the same chip. Where a
kernel has whole trees for both, the overlay is their difference. Devicetree specification 0.4, chapter 5; the form of an
overlay: the kernel's Documentation/devicetree/overlay-notes.rst.
Trap: a property may refer to a node by number (phandle), so a difference is only taken of trees that number alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = 0xD00DFEED
HEADER = struct.Struct(">10I")  # magic, size, offsets of structure, strings and reservations, versions, CPU, two sizes
VERSION, COMPATIBLE_VERSION = 17, 16
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9
WORD = struct.Struct(">I")
PAIR = struct.Struct(">2I")
RESERVATIONS = bytes(16)  # an empty list
OVERLAY, TARGET = "__overlay__", "target-path"


class FdtError(Exception):
    """A device tree that cannot be read, or a difference that no overlay can make."""


@dataclass
class Node:
    """One node: properties as bytes, and the nodes below, both in their order."""

    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """This node and all below, with their paths; its own is `/`."""
        yield path or "/", self
        for name, child in self.children.items():
            yield from child.walk(f"{path}/{name}")


def parse(data: bytes) -> Node:
    """The tree in a file; raises `FdtError`."""
    try:
        magic, _, at, strings, *_ = HEADER.unpack_from(data)
        if magic != MAGIC:
            raise FdtError("not a device tree")
        root, stack = Node(), list[Node]()
        while True:
            (token,) = WORD.unpack_from(data, at)
            at += WORD.size
            if token == BEGIN_NODE:
                name, at = _read_name(data, at)
                node = stack[-1].children.setdefault(name, Node()) if stack else root
                stack.append(node)
            elif token == PROPERTY:
                length, offset = PAIR.unpack_from(data, at)
                at += PAIR.size
                stack[-1].properties[_read_name(data, strings + offset)[0]] = data[at : at + length]
                at = _align(at + length)
            elif token == END_NODE:
                stack.pop()
            elif token == END:
                return root
            elif token != NOP:
                raise FdtError(f"token {token} at {at}")
    except (struct.error, IndexError, ValueError) as error:
        raise FdtError(f"a damaged device tree: {error}") from error


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    """The text that a zero ends, and the aligned offset behind it."""
    end = data.index(b"\0", at)
    return data[at:end].decode("ascii"), _align(end + 1)


def _align(offset: int) -> int:
    return -(-offset // WORD.size) * WORD.size


def encode(root: Node) -> bytes:
    """A file with this tree, and without memory reservations: an overlay has none."""
    strings: dict[str, int] = {}
    text = bytearray()
    for _, node in root.walk():
        for name in node.properties:
            if name not in strings:
                strings[name] = len(text)
                text += name.encode("ascii") + b"\0"
    structure = _encode_node("", root, strings) + WORD.pack(END)
    at = HEADER.size + len(RESERVATIONS)
    total = at + len(structure) + len(text)
    fields = (at, at + len(structure), HEADER.size, VERSION, COMPATIBLE_VERSION, 0, len(text), len(structure))
    return HEADER.pack(MAGIC, total, *fields) + RESERVATIONS + structure + bytes(text)


def _encode_node(name: str, node: Node, strings: dict[str, int]) -> bytes:
    text = name.encode("ascii") + b"\0"
    parts = [WORD.pack(BEGIN_NODE), text.ljust(_align(len(text)), b"\0")]
    for key, value in node.properties.items():
        parts += [WORD.pack(PROPERTY), PAIR.pack(len(value), strings[key]), value.ljust(_align(len(value)), b"\0")]
    parts += [_encode_node(key, child, strings) for key, child in node.children.items()]
    return b"".join([*parts, WORD.pack(END_NODE)])


def get_chip(tree: Node) -> bytes:
    """The last of the names that a tree is compatible with: the chip, which the trees of several models share."""
    return tree.properties["compatible"].rstrip(b"\0").rpartition(b"\0")[2] + b"\0"


def make_overlay(base: Node, wanted: Node) -> Node:
    """An overlay that makes `wanted` of `base`. Raises `FdtError` when they have other nodes, number them otherwise, or
    `base` has a property that `wanted` lacks."""
    before, after = dict(base.walk()), dict(wanted.walk())
    if before.keys() != after.keys():
        raise FdtError(f"nodes that only one tree has: {', '.join(sorted(before.keys() ^ after.keys()))}")
    overlay = Node({"compatible": get_chip(base)})
    for path, node in after.items():
        old = before[path].properties
        if gone := sorted(old.keys() - node.properties.keys()):
            raise FdtError(f"{path}: an overlay cannot take away {', '.join(gone)}")
        changed = {name: value for name, value in node.properties.items() if old.get(name) != value}
        if "phandle" in changed:
            raise FdtError(f"{path}: the trees number their nodes differently")
        if changed:
            body = Node({TARGET: path.encode("ascii") + b"\0"}, {OVERLAY: Node(changed)})
            overlay.children[f"fragment@{len(overlay.children)}"] = body
    return overlay
