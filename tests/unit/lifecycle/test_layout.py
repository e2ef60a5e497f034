import shutil
import subprocess
from pathlib import Path

import pytest

from controllers.lifecycle import layout
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.layout import Slot
from image import esp, grub

COMMAND_LINE = "ophite.root=verity ophite.verity=ab:cd:12 console=ttyS0,115200 a;b"


@pytest.mark.parametrize("slot", Slot)
def test_the_node_and_the_build_write_the_same_boot_cfg(slot: Slot) -> None:
    assert layout.render_boot_cfg(slot, COMMAND_LINE) == grub.render_boot(f"/ophite/{slot.value}", COMMAND_LINE)


def test_the_node_and_the_build_write_the_same_loader_conf() -> None:
    assert layout.LOADER_CONF_TEXT == esp.LOADER_CONFIGURATION


def test_a_word_that_grub_would_split_is_quoted() -> None:
    text = layout.render_boot_cfg(Slot.B, "plain=1 a;b $x")
    assert text == "linux /ophite/b/vmlinuz plain=1 'a;b' '$x' $extra\ninitrd /ophite/b/initramfs.zst\n"


@pytest.mark.parametrize("word", ["a'b", 'a"b', "a\\b"])
def test_a_word_that_grub_cannot_hand_on_is_refused(word: str) -> None:
    with pytest.raises(SlotError, match="kernel argument"):
        layout.render_boot_cfg(Slot.A, word)


@pytest.mark.skipif(shutil.which("grub-script-check") is None, reason="the package grub-common is not installed")
def test_grub_accepts_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "boot.cfg"
    path.write_text(layout.render_boot_cfg(Slot.A, COMMAND_LINE + " ${x} `y` <z> #c"))
    subprocess.run(["grub-script-check", str(path)], check=True)


def test_a_slot_knows_its_files() -> None:
    assert Slot.A.other is Slot.B
    assert Slot.B.other is Slot.A
    assert Slot.B.root_label == "ROOT-B"
    assert Slot.A.boot_files == ("EFI/ophite/a.efi", "ophite/a/vmlinuz", "ophite/a/initramfs.zst", "ophite/a/boot.cfg")
