"""The old partition table: its bytes, and what it cannot say."""

from __future__ import annotations

import pytest

from image.formats.mbr import FAT32, LINUX, Entry, encode_table, parse_table

ENTRIES = (Entry(FAT32, 2048, 131072), Entry(LINUX, 133120, 4096))


def sector(entries: tuple[Entry, ...] = ENTRIES) -> bytes:
    return bytes(440) + encode_table(0x11223344, entries)


def test_the_bytes() -> None:
    data = sector()
    assert len(data) == 512
    assert data[440:446] == bytes.fromhex("443322110000")
    assert data[446:478].hex(" ") == (
        "00 fe ff ff 0c fe ff ff 00 08 00 00 00 00 02 00 00 fe ff ff 83 fe ff ff 00 08 02 00 00 10 00 00"
    )
    assert data[478:510] == bytes(32)
    assert data[510:] == b"\x55\xaa"


def test_it_reads_back() -> None:
    assert parse_table(sector()) == ENTRIES
    assert parse_table(sector()[:510] + bytes(2)) == ()


@pytest.mark.parametrize(
    "entries", [ENTRIES * 3, (Entry(FAT32, 0, 1),), (Entry(FAT32, 1, 0),), (Entry(FAT32, 1, 1 << 32),)], ids=str
)
def test_what_it_cannot_say_is_refused(entries: tuple[Entry, ...]) -> None:
    with pytest.raises(ValueError, match="partition"):
        encode_table(1, entries)
