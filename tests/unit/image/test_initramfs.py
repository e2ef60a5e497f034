"""The initramfs: what it takes of the root, without building one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from image.initramfs import INIT, STAGE1_STDLIB, file_member, find_libraries, is_dropped

TRIPLET = "x86_64-linux-gnu"


def test_libraries_are_followed_to_their_own(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    top = tmp_path / "usr/lib" / TRIPLET
    top.mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/python").write_bytes(elf(needed=["liba.so.1"]))
    (tmp_path / "usr/bin/text").write_text("no program")
    (top / "liba.so.1").write_bytes(elf(needed=["libb.so.2", "libabsent.so"]))
    (top / "libb.so.2").write_bytes(elf(needed=["liba.so.1"]))
    found = find_libraries(tmp_path, ["usr/bin/python", "usr/bin/text"], TRIPLET)
    assert sorted(found) == [f"usr/lib/{TRIPLET}/liba.so.1", f"usr/lib/{TRIPLET}/libb.so.2"]


@pytest.mark.parametrize(("mode", "expected"), [(0o755, 0o100755), (0o644, 0o100644), (0o600, 0o100644)])
def test_permissions_are_the_trees(tmp_path: Path, mode: int, expected: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "file").chmod(mode)
    assert file_member(tmp_path, "file").mode == expected


def test_a_link_to_a_library_becomes_the_library(tmp_path: Path) -> None:
    (tmp_path / "libz.so.1.3").write_bytes(b"code")
    (tmp_path / "libz.so.1").symlink_to("libz.so.1.3")
    assert file_member(tmp_path, "libz.so.1").data == b"code"


def test_the_first_program_is_the_interpreter_in_isolation() -> None:
    lines = INIT.splitlines()
    assert lines[0] == "#!/usr/bin/python3.13 -IS"
    assert lines[-1] == "main()"
    assert len(lines[0]) < 127  # the kernel's limit for this line


def test_what_stage_1_may_import() -> None:
    assert "encodings.utf_16_le" in STAGE1_STDLIB  # names of partitions
    assert not {"asyncio", "subprocess", "threading", "socket"} & set(STAGE1_STDLIB)
    assert is_dropped("lib-dynload/_lzma.cpython-313-x86_64-linux-gnu.so")
    assert not is_dropped("lib-dynload/_ctypes.cpython-313-x86_64-linux-gnu.so")
