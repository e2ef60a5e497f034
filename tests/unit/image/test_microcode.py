"""The microcode archive: both makers' files joined in the order of their names, where the kernel looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.errors import ImageError
from image.formats import cpio
from image.microcode import make_microcode
from image.sets import SETS

CHOSEN = (SETS["base"], SETS["microcode"])


def lay(tree: Path, **files: bytes) -> Path:
    tree.mkdir(parents=True)
    for name, data in files.items():
        (tree / name.replace("_dash_", "-")).write_bytes(data)
    return tree


@pytest.fixture
def trees(tmp_path: Path) -> dict[str, Path]:
    """Both packages, with a file that is not microcode beside it."""
    intel = lay(
        tmp_path / "i/usr/lib/firmware/intel-ucode",
        **{"06-0a-01": b"B", "06-01-01": b"A", "06-01-02.initramfs": b"A", "list": b"x"},
    )
    amd = lay(tmp_path / "a/usr/lib/firmware/amd-ucode", **{"microcode_amd.bin": b"C", "README": b"x"})
    return {"intel-microcode": intel.parents[3], "amd64-microcode": amd.parents[3]}


def test_the_archive(trees: dict[str, Path]) -> None:
    data = make_microcode(CHOSEN, trees, "amd64")
    files = {member.name: member.data for member in cpio.decode_archive(data) if member.data}
    assert files == {"kernel/x86/microcode/AuthenticAMD.bin": b"C", "kernel/x86/microcode/GenuineIntel.bin": b"AB"}
    assert data[:6] == cpio.MAGIC  # not compressed, nothing before it
    assert len(data) % 512 == 0


def test_no_set_or_no_such_processor_no_archive(trees: dict[str, Path]) -> None:
    assert make_microcode((SETS["base"],), trees, "amd64") == b""
    assert make_microcode(CHOSEN, {}, "arm64") == b""


def test_a_package_without_microcode_is_an_error(trees: dict[str, Path]) -> None:
    (trees["amd64-microcode"] / "usr/lib/firmware/amd-ucode/microcode_amd.bin").unlink()
    with pytest.raises(ImageError, match="amd-ucode"):
        make_microcode(CHOSEN, trees, "amd64")
