"""Texts of media, and the members of a bundle as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.errors import ImageError
from image.media import render_ipxe, stage_members


def test_the_script_for_ipxe() -> None:
    assert render_ipxe("1.2.3", "ophite.root=initramfs quiet") == (
        "#!ipxe\n# Starts Ophite 1.2.3 from memory. The three files lie beside this one.\nimgfree\n"
        "kernel vmlinuz initrd=initramfs.zst ophite.root=initramfs quiet\ninitrd initramfs.zst\nboot\n"
    )


@pytest.mark.parametrize("word", ["a=${net0/mac}", "it's", 'x="y"', "a\\b"])
def test_a_word_that_ipxe_would_change_is_refused(word: str) -> None:
    with pytest.raises(ImageError, match="iPXE cannot hand on"):
        render_ipxe("1", f"quiet {word}")


def test_members_become_files_and_files_stay_where_they_are(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("a file")
    files = stage_members({"grub/grub.cfg": b"text", "root.erofs": given}, tmp_path / "staged")
    assert files == {"ophite/grub/grub.cfg": tmp_path / "staged/grub/grub.cfg", "ophite/root.erofs": given}
    assert files["ophite/grub/grub.cfg"].read_bytes() == b"text"
