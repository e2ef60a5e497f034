"""The kernel's announcements."""

from controllers.block.uevents import parse_message


def test_a_message_is_its_fields() -> None:
    data = b"add@/devices/pci/block/vda\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=vda\0"
    assert parse_message(data) == {"ACTION": "add", "SUBSYSTEM": "block", "DEVNAME": "vda"}


def test_what_is_no_message_is_empty() -> None:
    assert parse_message(b"libudev\0\xfe\xed\xca\xfe") == {}
    assert parse_message(b"") == {}
    assert parse_message(b"\xff\xff@x\0=\0a") == {"": ""}
