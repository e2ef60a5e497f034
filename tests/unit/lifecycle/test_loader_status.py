from pathlib import Path

import pytest

from controllers.lifecycle.layout import Slot
from controllers.lifecycle.loader_status import VENDOR, LoaderStatus, read_loader_status


def write(directory: Path, name: str, text: str) -> None:
    (directory / f"{name}-{VENDOR}").write_bytes(b"\x06\0\0\0" + text.encode("utf-16-le") + b"\0\0")


def test_a_counted_boot(tmp_path: Path) -> None:
    write(tmp_path, "LoaderEntrySelected", "ophite-b+1.conf")
    write(tmp_path, "LoaderBootCountPath", "\\loader\\entries\\ophite-b+0-1.conf")
    write(tmp_path, "LoaderInfo", "systemd-boot 262-1")
    found = read_loader_status(tmp_path)
    assert found == LoaderStatus("ophite-b+1.conf", "ophite-b+0-1.conf", "systemd-boot 262-1")
    assert (found.slot, found.tries_left) == (Slot.B, 0)


def test_the_count_of_another_entry_is_not_believed(tmp_path: Path) -> None:
    """Firmware refused slot b in the same session, and slot a was started."""
    write(tmp_path, "LoaderEntrySelected", "ophite-a.conf")
    write(tmp_path, "LoaderBootCountPath", "\\loader\\entries\\ophite-b+0-1.conf")
    found = read_loader_status(tmp_path)
    assert (found.slot, found.tries_left) == (Slot.A, None)


@pytest.mark.parametrize("data", [b"", b"\x06", b"\x06\0\0\0", b"\x06\0\0\0\xff\xd8", b"\x06\0\0\0a\0\n\0\0\0", b"\xff" * 9001])
def test_damaged_variables_say_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / f"LoaderEntrySelected-{VENDOR}").write_bytes(data)
    assert read_loader_status(tmp_path).slot is None


def test_a_bios_has_none(tmp_path: Path) -> None:
    assert read_loader_status(tmp_path / "efivars") == LoaderStatus()
