"""Swap space: its header as mkswap writes it, and what the kernel says is in use."""

import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import superblocks, swap

MIB = 1024 * 1024
ID = UUID("01234567-89ab-cdef-0123-456789abcdef")


@pytest.mark.skipif(shutil.which("mkswap") is None, reason="mkswap is not installed")
@pytest.mark.parametrize("size", [40960, MIB, 64 * MIB + 4096])
def test_the_header_is_the_one_that_mkswap_writes(tmp_path: Path, size: int) -> None:
    image = tmp_path / "swap"
    image.write_bytes(bytes(size))
    image.chmod(0o600)
    subprocess.run(["mkswap", "-q", "-p", "4096", "-L", "s-one", "-U", str(ID), str(image)], check=True, capture_output=True)
    assert image.read_bytes()[:4096] == swap.render_header(size, 4096, "s-one", ID)


@pytest.mark.parametrize("page", [4096, 16384, 65536])
def test_the_header_is_recognised(page: int) -> None:
    header = swap.render_header(64 * MIB, page, "a label that is much too long", ID).ljust(128 * 1024, b"\0")
    found = superblocks.probe(lambda offset, length: header[offset : offset + length])
    assert found == superblocks.Superblock("swap", "a label that is ".strip(), str(ID))


def test_too_small() -> None:
    with pytest.raises(ValueError, match="10 pages of 4096 bytes are needed"):
        swap.render_header(40959, 4096, "", ID)


def test_what_is_in_use(tmp_path: Path) -> None:
    head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    assert swap.parse_swaps(head) == []
    assert swap.parse_swaps(head + "/dev/vdb2 partition 65532 0 -2\n/dir/a\\040b file 1 0 5\n") == ["/dev/vdb2", "/dir/a b"]
    assert swap.read_swaps(tmp_path / "none") == []


def test_errors_name_the_device(tmp_path: Path) -> None:
    device = str(tmp_path / "none")
    with pytest.raises(OSError, match=f"swapon {device}"):
        swap.swap_on(device, 3)
    with pytest.raises(OSError, match=f"swapoff {device}"):
        swap.swap_off(device)
