"""GRUB's files: configuration, environment block, and where the boot sectors find the next piece."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from image import grub
from image.errors import ImageError

GOLDEN = Path(__file__).parents[2] / "data/lifecycle/esp"


def test_the_environment_block_is_what_the_node_writes() -> None:
    assert grub.render_environment("a") == (GOLDEN / "grub/grubenv").read_bytes()
    armed = grub.render_environment("a", "b")
    assert armed.startswith(b"# GRUB Environment Block\ndefault=a\ntry=b\n##")
    assert len(armed) == 1024


def test_the_lines_that_load_a_slot() -> None:
    words = "ophite.root=verity console=ttyS0,115200 ip=[fd00::1]:::64 panic=-1"
    assert grub.render_boot("/ophite/b", words) == (
        "linux /ophite/b/vmlinuz ophite.root=verity console=ttyS0,115200 'ip=[fd00::1]:::64' panic=-1 $extra\n"
        "initrd /ophite/b/initramfs.zst\n"
    )


@pytest.mark.parametrize("word", ["it's", 'a="b"', "a\\b"])
def test_a_word_that_grub_would_change_is_refused(word: str) -> None:
    with pytest.raises(ImageError, match="GRUB cannot hand on"):
        grub.render_boot("/ophite/a", f"quiet {word}")


@pytest.mark.parametrize("word", ["a;b", "$x", "{", "a|b", "#c", "<", "a*"])
def test_a_word_that_means_something_to_grub_is_quoted(word: str) -> None:
    assert grub.quote_word(word) == f"'{word}'"


def test_a_try_is_over_before_the_slot_starts() -> None:
    lines = [line.strip() for line in grub.CONFIGURATION.splitlines()]
    emptied = lines.index("set try=")
    assert lines[emptied + 1] == 'if save_env --file /grub/grubenv try; then start "$slot"; fi'
    assert lines[-1] == "reboot"


def test_a_medium_has_one_choice() -> None:
    text = grub.render_medium("LABEL", "linux /x $extra\ninitrd /y\n")
    assert text.index("regexp --set 1:extra") < text.index("linux /x $extra\ninitrd /y\nboot\n") < text.index("reboot")


def test_the_boot_sector_knows_where_the_core_image_is() -> None:
    patched = grub.patch_boot(bytes(range(256)) * 2, 2048)
    assert len(patched) == 440
    assert struct.unpack_from("<Q", patched, 0x5C) == (2048,)
    assert patched[0x66:0x68] == b"\x90\x90"
    assert patched[:0x5C] == bytes(range(0x5C))


def test_the_core_image_knows_where_its_rest_is() -> None:
    patched = grub.patch_core(b"x" * 2000, 2048)
    assert struct.unpack_from("<Q", patched, 500) == (2049,)
    assert len(patched) == 2000
    with pytest.raises(ImageError, match="core image has 1048577 bytes"):
        grub.patch_core(bytes(grub.CORE_LIMIT + 1), 2048)
