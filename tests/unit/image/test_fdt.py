"""Device trees: round trip, damaged ones, and the overlay that is the difference of two."""

from __future__ import annotations

import copy
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image.formats import fdt
from image.formats.fdt import FdtError, Node


def make_tree() -> Node:
    uart = Node({"compatible": b"arm,pl011\0", "interrupts": struct.pack(">3I", 0, 121, 4), "phandle": b"\0\0\0\7"})
    return Node(
        {"compatible": b"maker,board\0maker,chip\0", "model": b"odd\0"},
        {"soc@0": Node({"ranges": b""}, {"serial@1": uart, "clock": Node()}), "chosen": Node()},
    )


def apply_overlay(base: Node, overlay: Node) -> Node:
    """What firmware does with an overlay."""
    tree = copy.deepcopy(base)
    places = dict(tree.walk())
    for fragment in overlay.children.values():
        path = fragment.properties["target-path"].rstrip(b"\0").decode()
        places[path].properties |= fragment.children["__overlay__"].properties
    return tree


def test_round_trip() -> None:
    tree = make_tree()
    data = fdt.encode(tree)
    assert fdt.parse(data) == tree
    assert data[:4] == bytes.fromhex("d00dfeed")
    assert struct.unpack_from(">I", data, 4) == (len(data),)
    assert [path for path, _ in tree.walk()] == ["/", "/soc@0", "/soc@0/serial@1", "/soc@0/clock", "/chosen"]


def test_the_difference_makes_one_of_the_other() -> None:
    base, wanted = make_tree(), make_tree()
    wanted.children["soc@0"].children["serial@1"].properties["interrupts"] = struct.pack(">3I", 0, 120, 4)
    wanted.children["soc@0"].properties["dma-ranges"] = b""
    overlay = fdt.parse(fdt.encode(fdt.make_overlay(base, wanted)))
    assert list(overlay.children) == ["fragment@0", "fragment@1"]
    assert overlay.properties == {"compatible": b"maker,chip\0"}
    assert overlay.children["fragment@0"].properties == {"target-path": b"/soc@0\0"}
    assert apply_overlay(base, overlay) == wanted
    assert fdt.make_overlay(base, base).children == {}


def test_what_no_overlay_can_do_is_refused() -> None:
    base = make_tree()
    other = make_tree()
    other.children["more"] = Node()
    with pytest.raises(FdtError, match="only one tree has: /more"):
        fdt.make_overlay(base, other)
    other = make_tree()
    del other.properties["model"]
    with pytest.raises(FdtError, match="cannot take away model"):
        fdt.make_overlay(base, other)
    other = make_tree()
    other.children["soc@0"].children["serial@1"].properties["phandle"] = b"\0\0\0\x08"
    with pytest.raises(FdtError, match="number their nodes"):
        fdt.make_overlay(base, other)


@pytest.mark.parametrize("data", [b"", bytes(64), fdt.encode(make_tree())[:90], fdt.encode(make_tree())[:60] + b"\xff" * 300])
def test_a_damaged_tree_is_named(data: bytes) -> None:
    with pytest.raises(FdtError, match=r"device tree|token"):
        fdt.parse(data)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=64), st.integers(0, 250))
def test_any_damage_is_an_error_or_a_tree(junk: bytes, at: int) -> None:
    data = fdt.encode(make_tree())
    try:
        fdt.parse(data[:at] + junk + data[at + len(junk) :])
    except FdtError:
        return
