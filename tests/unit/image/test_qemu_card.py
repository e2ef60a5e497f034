"""What a Raspberry Pi's firmware would load, read from a small card made with the host's own tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.errors import ImageError
from image.formats import fdt
from image.qemu_card import find_card_size, find_offsets, parse_settings, read_boot_files, take_boot_files
from image.run import get_program, run

MIB = 1 << 20
TREE = "board.dtb"
AUTOBOOT = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
CONFIG = "# made by the build\n[pi02]\nkernel=other.img\n[all]\nkernel=kernel8.img\ninitramfs initramfs.zst followkernel\n"


def write_boot(directory: Path, mark: str, config: str = CONFIG) -> Path:
    """A boot partition's files."""
    directory.mkdir(parents=True)
    texts = {"config.txt": config, "cmdline.txt": f"slot={mark}\n", "kernel8.img": mark, "initramfs.zst": mark, TREE: mark}
    for name, text in texts.items():
        (directory / name).write_text(text)
    (directory / "overlays").mkdir()
    (directory / "overlays/one.dtbo").write_text(mark)
    return directory


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card with the three FAT partitions; `a` and `b` are in the files of the second and third."""
    path = tmp_path / "card.img"
    with path.open("wb") as file:
        file.truncate(16 * MIB)
    script = "label: gpt\n" + "".join(
        f'start={start * 2048}, size={4 * 2048}, name="{name}"\n' for name, start in (("BOOT", 1), ("BOOT-A", 5), ("BOOT-B", 9))
    )
    run([get_program("sfdisk"), "--quiet", "--no-reread", "--no-tell-kernel", path], stdin=script.encode())
    (tmp_path / "first").mkdir()
    (tmp_path / "first/autoboot.txt").write_text(AUTOBOOT)
    sources = (tmp_path / "first", write_boot(tmp_path / "a", "a"), write_boot(tmp_path / "b", "b"))
    for start, source in zip((1, 5, 9), sources, strict=True):
        part = tmp_path / "part.img"
        with part.open("wb") as file:
            file.truncate(4 * MIB)
        run([get_program("mkfs.vfat"), part])
        run([get_program("mcopy"), "-Q", "-s", "-i", part, *sorted(source.iterdir()), "::"])
        with path.open("r+b") as file:
            file.seek(start * MIB)
            file.write(part.read_bytes())
    return path


def test_the_card_is_read_as_the_firmware_reads_it(card: Path, tmp_path: Path) -> None:
    files = take_boot_files(card, tmp_path / "boot", TREE)
    assert files.command_line == "slot=a"
    assert files.kernel == tmp_path / "boot/kernel8.img"
    assert [path.read_text() for path in (files.kernel, files.device_tree, files.initramfs)] == ["a", "a", "a"]
    assert (tmp_path / "boot/overlays/one.dtbo").read_text() == "a"


def test_the_one_shot_flag_leads_to_the_other_partition(card: Path, tmp_path: Path) -> None:
    assert take_boot_files(card, tmp_path / "boot", TREE, tryboot=True).command_line == "slot=b"
    assert take_boot_files(card, tmp_path / "boot", TREE).command_line == "slot=a"


def test_partitions_are_found_by_their_number(card: Path) -> None:
    assert find_offsets(card) == {1: MIB, 2: 5 * MIB, 3: 9 * MIB}


def test_autoboot_that_names_nothing_is_refused(card: Path, tmp_path: Path) -> None:
    (tmp_path / "autoboot.txt").write_text(AUTOBOOT.replace("=2", "=7"))
    run([get_program("mcopy"), "-Q", "-o", "-i", f"{card}@@{MIB}", tmp_path / "autoboot.txt", "::"])
    with pytest.raises(ImageError, match="'7', which is not there"):
        take_boot_files(card, tmp_path / "boot", TREE)


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("config.txt", "no config.txt"),
        (TREE, "no board.dtb"),
        ("kernel8.img", "kernel is 'kernel8.img', which is not there"),
        ("initramfs.zst", "initramfs is 'initramfs.zst'"),
        ("cmdline.txt", "cmdline is 'cmdline.txt'"),
    ],
)
def test_what_lacks_is_named(tmp_path: Path, missing: str, problem: str) -> None:
    directory = write_boot(tmp_path / "boot", "a")
    (directory / missing).unlink()
    with pytest.raises(ImageError, match=problem):
        read_boot_files(directory, TREE)


def test_settings_of_other_boards_do_not_count() -> None:
    assert parse_settings(CONFIG) == {"kernel": "kernel8.img", "initramfs": "initramfs.zst followkernel"}
    assert parse_settings(AUTOBOOT, ("tryboot",)) == {"boot_partition": "3"}


def make_overlay(target: str) -> bytes:
    """An overlay that adds a node with a property below `target`, and changes one there."""
    body = fdt.Node({"status": b"okay\0"}, {"page@1000": fdt.Node({"no-map": b""})})
    fragment = fdt.Node({fdt.TARGET: target.encode() + b"\0"}, {fdt.OVERLAY: body})
    return fdt.encode(fdt.Node(children={"fragment@0": fragment, "__fixups__": fdt.Node()}))


def test_overlays_are_laid_over_the_device_tree(tmp_path: Path) -> None:
    directory = write_boot(tmp_path / "boot", "a", CONFIG + "dtoverlay=one,parameter=1\n")
    memory = fdt.Node({"status": b"disabled\0", "ranges": b""}, {"old@0": fdt.Node()})
    (directory / TREE).write_bytes(fdt.encode(fdt.Node(children={"memory": memory})))
    (directory / "overlays/one.dtbo").write_bytes(make_overlay("/memory"))
    found = fdt.parse(read_boot_files(directory, TREE).device_tree.read_bytes()).children["memory"]
    assert found.properties == {"status": b"okay\0", "ranges": b""}
    assert set(found.children) == {"old@0", "page@1000"}


def test_an_overlay_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    directory = write_boot(tmp_path / "boot", "a", CONFIG + "dtoverlay=one\n")
    (directory / TREE).write_bytes(fdt.encode(fdt.Node()))
    with pytest.raises(ImageError, match="damaged device tree"):
        read_boot_files(directory, TREE)
    (directory / "overlays/one.dtbo").write_bytes(make_overlay("/elsewhere"))
    with pytest.raises(ImageError, match="no target '/elsewhere'"):
        read_boot_files(directory, TREE)
    (directory / "overlays/one.dtbo").unlink()
    with pytest.raises(ImageError, match="No such file"):
        read_boot_files(directory, TREE)


@pytest.mark.parametrize(("size", "card"), [(1, 1), (3, 4), (4096, 4096), (4097, 8192), ((3 << 30) + 1, 4 << 30)])
def test_the_size_of_a_card_is_a_power_of_two(size: int, card: int) -> None:
    assert find_card_size(size) == card
