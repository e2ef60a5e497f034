"""Records of the kernel's log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.machine.kernel_records import Record, parse_record


def test_a_record_with_escapes_and_continuation_lines() -> None:
    data = b"30,339,5140900,-;ophite: caf\\xc3\\xa9 \\x5c end\n SUBSYSTEM=acpi\n DEVICE=+acpi:1\n"
    assert parse_record(data) == Record(level=6, facility=3, sequence=339, microseconds=5140900, text="ophite: café \\ end")
    assert parse_record(b"6,1,2,c,caller=T1;x\n") == Record(6, 0, 1, 2, "x")


@pytest.mark.parametrize("data", [b"", b"6,1;x", b"a,1,2,-;x", b"6,1,2,-", b"6,-1,2,-;x"])
def test_what_is_no_record(data: bytes) -> None:
    assert parse_record(data) is None


@given(st.binary(max_size=200))
def test_hostile_bytes(data: bytes) -> None:
    for line in (data, b"6,1,2,-;" + data):
        record = parse_record(line)
        assert record is None or record.level in range(8)
