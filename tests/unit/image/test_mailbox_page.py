"""The overlay for the mailbox's page: in as many words as the board's tree takes, and where the node looks for it."""

import struct

import pytest

from controllers.lifecycle import mailbox
from image import mailbox_page
from image.formats.fdt import HEADER, FdtError, Node, encode, parse


def make_tree(address_cells: int, size_cells: int) -> Node:
    cells = {"#address-cells": struct.pack(">I", address_cells), "#size-cells": struct.pack(">I", size_cells)}
    return Node({"compatible": b"brcm,bcm2837\0"}, {"reserved-memory": Node(cells)})


@pytest.mark.parametrize(
    ("cells", "reg"),
    [((1, 1), "00100000 00001000"), ((2, 1), "00000000 00100000 00001000"), ((2, 2), "00000000 00100000 00000000 00001000")],
    ids=["bcm2837", "bcm2711", "bcm2712"],
)
def test_a_page_is_kept_from_linux_in_the_words_of_the_tree(cells: tuple[int, int], reg: str) -> None:
    overlay = parse(mailbox_page.make_page_overlay(make_tree(*cells)))
    fragment = overlay.children["fragment@0"]
    assert fragment.properties["target-path"] == b"/reserved-memory\0"
    [(name, page)] = fragment.children["__overlay__"].children.items()
    assert page.properties["reg"] == bytes.fromhex(reg)
    assert "no-map" in page.properties
    assert f"{mailbox_page.PARENT}/{name}" == mailbox.PAGE_NODE
    assert mailbox_page.ADDRESS == mailbox.PAGE


def test_a_tree_for_an_emulator_has_the_page_and_keeps_its_reservations() -> None:
    encoded = encode(make_tree(1, 1))
    magic, total, structure, strings, at, *rest = HEADER.unpack_from(encoded)
    spin_table = struct.pack(">2Q", 0, 0x1000)
    header = HEADER.pack(magic, total + 16, structure + 16, strings + 16, at, *rest)
    laid = mailbox_page.lay_page(header + spin_table + encoded[HEADER.size :])
    assert HEADER.unpack_from(laid)[1] == len(laid)
    assert laid[at : at + 32] == spin_table + bytes(16)
    page = parse(laid).children["reserved-memory"].children["ophite@100000"]
    assert page.properties["reg"] == bytes.fromhex("00100000 00001000")
    assert parse(laid).properties == make_tree(1, 1).properties


def test_a_tree_that_reserves_nothing_is_refused() -> None:
    with pytest.raises(FdtError, match="no /reserved-memory"):
        mailbox_page.make_page_overlay(Node())
    with pytest.raises(FdtError, match="damaged"):
        mailbox_page.lay_page(b"")
