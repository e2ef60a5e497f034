"""Memory modules of careful and of careless firmware."""

import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controllers.hardware.memory_modules_status import MemoryModulesStatusController
from controllers.hardware.smbios import MIB, parse_memory, parse_table
from controllers.ports import Paths, Ports
from controllers.resources.hardware import MemoryModule
from tests.harness.reconcile import run_reconcile

END = bytes((127, 4, 0xFE, 0xFF)) + b"\0\0"


def structure(kind: int, body: bytes, *texts: bytes) -> bytes:
    return struct.pack("<BBH", kind, len(body) + 4, 0x1000) + body + (b"\0".join(texts) if texts else b"") + b"\0\0"


def module(size: int, *texts: bytes, extended: int = 0, kind: int = 0x1A, speed: int = 3200) -> bytes:
    """A memory device of SMBIOS 3, whose texts are slot, bank, maker, serial number, part."""
    body = struct.pack("<HHHHHBBBBBHHBBBBBIH", 0, 0, 64, 64, size, 9, 0, 1, 2, kind, 0, 3200, 3, 4, 0, 5, 0, extended, speed)
    return structure(17, body, *texts)


NAMES = (b"DIMM_A1", b"BANK 0", b"Samsung", b"0123", b"M393A2K43 ")


def test_modules_and_an_empty_slot() -> None:
    table = structure(1, b"\1\2", b"Maker", b"Product") + module(16384, *NAMES) + module(0, b"DIMM_A2") + END
    assert parse_memory(table) == {
        "DIMM_A1": MemoryModule(size=16 << 30, kind="DDR4", speed=3200, manufacturer="Samsung", part="M393A2K43", serial="0123")
    }


def test_sizes() -> None:
    def size(value: int, extended: int = 0) -> list[int]:
        return [one.size for one in parse_memory(module(value, *NAMES, extended=extended)).values()]

    assert size(512) == [512 * MIB]
    assert size(0x8000 | 256) == [256 * 1024]
    assert size(0x7FFF, 65536) == [64 << 30]
    assert size(0xFFFF) == []


def test_slots_that_all_have_one_name_are_told_apart() -> None:
    table = module(1024, b"DIMM 0", b"P0 A") + module(1024, b"DIMM 0", b"P0 B") + module(1024, b"DIMM 0", b"P0 B")
    assert list(parse_memory(table)) == ["DIMM 0", "P0 B DIMM 0", "P0 B DIMM 0 2"]
    assert list(parse_memory(module(1024))) == ["slot 0"]


def test_texts_are_cut_and_cleaned() -> None:
    [found] = parse_memory(module(1024, b"A", b"B", b"Evil\x1b[2J" + b"x" * 9999, b"Not Specified", b"\xff")).values()
    assert found.manufacturer.startswith("Evil?[2Jx")
    assert (len(found.manufacturer), found.serial) == (256, "")


def test_an_old_and_short_structure() -> None:
    short = structure(17, struct.pack("<HHHHH", 0, 0, 64, 64, 1024), b"unused")
    assert parse_memory(short) == {"slot 0": MemoryModule(size=1024 * MIB)}


def test_what_follows_the_end_or_makes_no_sense_is_not_read() -> None:
    assert parse_memory(END + module(1024, *NAMES)) == {}
    assert parse_memory(bytes((17, 3, 0, 0)) + b"\0\0" + module(1024, *NAMES)) == {}
    assert parse_memory(module(1024, *NAMES)[:-2]) == {}


@given(st.binary(max_size=400))
def test_no_table_breaks_it(data: bytes) -> None:
    assert len(list(parse_table(data))) <= len(data)
    parse_memory(data)


def test_the_controller(tmp_path: Path) -> None:
    controller = MemoryModulesStatusController(Ports(paths=Paths(tmp_path)))
    assert run_reconcile(controller) == []
    table = tmp_path / "sys/firmware/dmi/tables/DMI"
    table.parent.mkdir(parents=True)
    table.write_bytes(module(1024, *NAMES) + END)
    assert [one.id for one in run_reconcile(controller)] == ["DIMM_A1"]
    hosts = Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "namespaces"})
    assert run_reconcile(MemoryModulesStatusController(hosts)) == []
