"""Flashing from the image to the disk, on a file in a disk's place; and everything that is asked and refused before it."""

import hashlib
import io
import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from image.errors import ImageError
from image.flash_disk import FlashError, OpenDisk
from image.flash_progress import Meter
from image.flash_run import Wish, check_sectors, check_unchanged, confirm, describe_target, flash, show_disks
from image.flash_source import PIECE
from image.flash_target import Part, Target, get_target
from image.flash_users import User
from tests.harness.fake_disks import FakeDisks

IMAGE = bytes(510) + b"\x55\xaa" + b"image" * (PIECE // 2) + bytes(2 * PIECE) + b"end"
WHOLE = IMAGE + bytes(-len(IMAGE) % 512)
SIZE = 32 << 20
STICK = Target(Path("/dev/sdb"), "sdb", "disk", 8 << 30, "SanDisk Ultra", "4C53", "usb", removable=True, content="gpt")


class Bench:
    """An image, a file in a disk's place, and what was shown."""

    def __init__(self, root: Path) -> None:
        self.host = FakeDisks(root).host
        self.image, self.card = root / "image", root / "card.img"
        self.image.write_bytes(IMAGE)
        self.card.write_bytes(b"old!" * (SIZE // 4))
        self.out = io.StringIO()
        self.meter = Meter(console=Console(file=self.out, width=200, highlight=False))
        self.asked: list[str] = []

    def flash(self, answer: str | None = None, *, verify: bool = True, force: bool = True, yes: bool = False) -> None:
        def ask(question: str) -> str:
            self.asked.append(question)
            return f"{answer}\n"

        wish = Wish(self.card, self.image, yes=yes, force=force, verify=verify)
        flash(wish, self.meter, ask if answer is not None else None, self.host)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def is_untouched(bench: Bench) -> bool:
    return bench.card.read_bytes() == b"old!" * (SIZE // 4)


@pytest.mark.parametrize("pack", [bytes, lambda data: lzma.compress(data, preset=0)])
@pytest.mark.parametrize("verify", [True, False])
def test_the_image_is_on_the_disk(bench: Bench, pack: Callable[[bytes], bytes], verify: bool) -> None:
    bench.image.write_bytes(pack(IMAGE))
    bench.flash("card.img", verify=verify)
    written = bench.card.read_bytes()
    assert written[: len(WHOLE)] == WHOLE
    assert written[-(1 << 20) :] == bytes(1 << 20)  # where old tables have their second copy
    assert len(written) == SIZE
    shown = bench.out.getvalue()
    assert ("comparing" in shown) is verify
    assert shown.endswith(f"{bench.card} holds image" + ("\n" if verify else " (not read back)\n"))
    assert bench.asked == [f"Everything on {bench.card} will be lost. Type its name, card.img, to go on: "]


def test_marks_leave_nothing_behind(bench: Bench) -> None:
    bench.card.write_bytes(bytes(SIZE))
    bench.flash(yes=True)
    assert bench.card.read_bytes() == WHOLE + bytes(SIZE - len(WHOLE))


@pytest.mark.parametrize("answer", ["", "y", "yes", "card", "/dev/card.img"])
def test_another_answer_writes_nothing(bench: Bench, answer: str) -> None:
    with pytest.raises(ImageError, match="nothing was written"):
        bench.flash(answer)
    assert is_untouched(bench)


def test_nobody_to_ask(bench: Bench) -> None:
    with pytest.raises(ImageError, match="nobody is there to ask") as caught:
        bench.flash()
    assert "--yes" in caught.value.hint
    assert is_untouched(bench)
    bench.flash(yes=True)


def test_a_file_takes_force(bench: Bench) -> None:
    with pytest.raises(ImageError, match="it is a file and no disk"):
        bench.flash("card.img", force=False)
    assert is_untouched(bench)


def test_a_disk_that_is_too_small_is_refused_before_the_question(bench: Bench) -> None:
    bench.card.write_bytes(bytes(len(WHOLE) - 512))
    with pytest.raises(ImageError, match="take a larger card"):
        bench.flash("card.img")
    assert not bench.asked


def test_who_may_not_write_is_told_before_the_question(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("image.flash_disk.os.access", lambda path, mode: False)
    with pytest.raises(ImageError, match=r"card.img: Permission denied\nhint: .* sudo"):
        bench.flash("card.img")
    assert not bench.asked


def test_the_sum_beside_the_image_is_compared_before_the_question(bench: Bench) -> None:
    manifest = bench.image.with_name("manifest.json")
    manifest.write_text(json.dumps({"files": {"image": {"bytes": len(IMAGE), "sha256": hashlib.sha256(IMAGE).hexdigest()}}}))
    bench.flash(yes=True)
    assert "its SHA-256 is the one in manifest.json" in bench.out.getvalue()
    bench.image.write_bytes(IMAGE[:-1] + b"x")
    with pytest.raises(ImageError, match=r"image is not the file that manifest.json beside it names"):
        bench.flash("card.img")
    assert not bench.asked


def test_a_damaged_image_leaves_nothing_that_boots(bench: Bench) -> None:
    packed = bytearray(lzma.compress(IMAGE, preset=0))
    packed[len(packed) // 2] ^= 1
    bench.image.write_bytes(packed)
    with pytest.raises(ImageError, match="is damaged"):
        bench.flash(yes=True)
    assert bench.card.read_bytes()[:PIECE] == bytes(PIECE)


@pytest.mark.parametrize("text", [b"a text", b""])
def test_something_packed_that_is_no_disk_is_not_written(bench: Bench, text: bytes) -> None:
    bench.image.write_bytes(lzma.compress(text, preset=0))
    with pytest.raises(ImageError, match="is no image of a disk"):
        bench.flash(yes=True)
    assert is_untouched(bench)


def test_a_disk_that_changes_a_byte_is_found_and_does_not_boot(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = OpenDisk.read

    def read(disk: OpenDisk, offset: int, length: int) -> bytes:
        data = real(disk, offset, length)
        return data if offset != PIECE else b"x" + data[1:]

    monkeypatch.setattr(OpenDisk, "read", read)
    with pytest.raises(FlashError, match="1 of 5 pieces are not as they were written, the first at 4 MiB"):
        bench.flash(yes=True)
    assert bench.card.read_bytes()[:PIECE] == bytes(PIECE)
    bench.flash(yes=True, verify=False)


def test_a_disk_that_was_exchanged_is_not_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = get_target
    found = [real(bench.card, bench.host), replace(real(bench.card, bench.host), sequence=8)]
    monkeypatch.setattr("image.flash_run.get_target", lambda path, host: found.pop(0))
    with pytest.raises(ImageError, match="is another disk than a moment ago"):
        bench.flash(yes=True)
    assert is_untouched(bench)


def test_a_disk_that_was_mounted_meanwhile_is_not_written() -> None:
    check_unchanged(STICK, STICK, force=False)
    user = User("sdb1", "is mounted at /media/card", "umount /media/card")
    with pytest.raises(ImageError, match="sdb1 is mounted"):
        check_unchanged(STICK, replace(STICK, users=(user,)), force=True)


def test_the_name_is_enough_and_blanks_do_not_count() -> None:
    confirm(STICK, lambda question: " sdb \n", yes=False)


@pytest.mark.parametrize(("sector", "head", "fits"), [(512, b"EFI PART", True), (4096, b"EFI PART", False), (4096, b"", True)])
def test_tables_count_in_the_disks_sectors(sector: int, head: bytes, fits: bool) -> None:
    first = bytes(512) + head + bytes(512)
    if fits:
        check_sectors(first, sector)
        return
    with pytest.raises(ImageError, match="sectors of 4096 bytes, the image's partition table is for 512"):
        check_sectors(first, sector)


def test_what_is_shown_of_a_disk() -> None:
    parts = (Part("sdb1", 256 << 20, "vfat", "BOOT"), Part("sdb2", 7 << 30, "", ""))
    user = User("sdb1", "is mounted at /mnt", "umount /mnt")
    assert describe_target(replace(STICK, parts=parts, users=(user,))) == (
        "disk       /dev/sdb, 8.0 GiB, SanDisk Ultra, serial 4C53, usb, removable\n"
        "holds      gpt\n"
        "  sdb1            256 MiB  vfat BOOT\n"
        "  sdb2            7.0 GiB  unknown or empty\n"
        "  sdb1 is mounted at /mnt (umount /mnt)"
    )
    bare = Target(Path("/dev/sda"), "sda", "disk", 1 << 40)
    assert describe_target(bare) == "disk       /dev/sda, 1.0 TiB, built in\nholds      nothing"


def test_the_disks_of_a_machine(tmp_path: Path) -> None:
    disks, out = FakeDisks(tmp_path), io.StringIO()
    meter = Meter(console=Console(file=out, width=200, highlight=False))
    with pytest.raises(ImageError, match="this machine has no disks"):
        show_disks(meter, disks.host)
    disks.disk("sda", "pci0/ata1")
    disks.disk("sdb")
    disks.mount("sda", "/")
    show_disks(meter, disks.host)
    lines = out.getvalue().splitlines()
    assert lines[2] == f"  ophite image flash {disks.host.dev}/sdb --image FILE"
    assert lines[-2] == "  left alone: sda is mounted at /: the running system"
