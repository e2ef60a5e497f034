"""The root's tree: what is kept of packages, permissions, missing libraries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from image.arch import AMD64, ARM64
from image.boards import get_board
from image.boards.board import Board, Kernel, RaspberryPi
from image.errors import ImageError
from image.executables import list_executables
from image.rootfs import check_libraries, check_machine, find_kept, iterate_elf, link_file, make_links, set_permissions
from image.rootlist import KEPT, STDLIB_DROPPED, Keep, list_packages


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_only_named_files_are_kept_and_sbin_becomes_bin(tmp_path: Path) -> None:
    touch(tmp_path, "usr/sbin/tool", "usr/sbin/other", f"usr/lib/{AMD64.triplet}/libx.so.1")
    keep = Keep("tool", ("usr/sbin/tool", "{lib}/libx.so*"), "a test")
    names = [name for _, name in find_kept(keep, tmp_path, AMD64)]
    assert names == ["usr/bin/tool", f"usr/lib/{AMD64.triplet}/libx.so.1"]


def test_a_file_that_the_package_lost_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="the package tool has no file usr/bin/tool"):
        list(find_kept(Keep("tool", ("usr/bin/tool",), "a test"), tmp_path, AMD64))


def test_only_the_written_list_may_be_executed(tmp_path: Path) -> None:
    programs = [item.path for item in list_executables(AMD64)]
    touch(tmp_path, *programs, "usr/lib/extra.so")
    (tmp_path / "usr/lib/extra.so").chmod(0o4755)
    set_permissions(tmp_path, list_executables(AMD64))
    modes = {p.relative_to(tmp_path).as_posix(): p.stat().st_mode & 0o7777 for p in tmp_path.rglob("*") if p.is_file()}
    assert modes.pop("usr/lib/extra.so") == 0o644
    assert modes == dict.fromkeys(programs, 0o755)


def test_a_listed_program_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"not in the root: .*usr/bin/kubelet"):
        set_permissions(tmp_path, list_executables(AMD64))


def test_missing_libraries_are_named_with_who_wants_them(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    top = tmp_path / "usr/lib/x86_64-linux-gnu"
    top.mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/tool").write_bytes(elf(needed=["libhere.so.1", "libgone.so.2"]))
    (top / "libhere.so.1.2").write_bytes(elf(needed=[]))
    (top / "libhere.so.1").symlink_to("libhere.so.1.2")
    with pytest.raises(ImageError, match=r"missing in the root: libgone\.so\.2, wanted by usr/bin/tool\n"):
        check_libraries(tmp_path)
    (top / "libgone.so.2").write_bytes(elf())
    check_libraries(tmp_path)
    (tmp_path / "usr/lib/firmware").mkdir(parents=True)
    (tmp_path / "usr/lib/firmware/radio.bin").write_bytes(elf())
    assert len(list(iterate_elf(tmp_path))) == 3


def test_a_file_for_another_machine_is_refused(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    touch(tmp_path, "usr/bin/tool", "usr/share/text")
    (tmp_path / "usr/bin/tool").write_bytes(elf())
    check_machine(tmp_path, AMD64)
    with pytest.raises(ImageError, match=r"not for arm64: usr/bin/tool \(machine 62\)"):
        check_machine(tmp_path, ARM64)


def test_files_of_the_cache_are_linked_and_others_copied(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    touch(cache, "entry/a")
    touch(tmp_path, "mine")
    link_file(cache / "entry/a", cache / "root/x/a", cache)
    link_file(tmp_path / "mine", cache / "root/mine", cache)
    assert (cache / "root/x/a").samefile(cache / "entry/a")
    assert not (cache / "root/mine").samefile(tmp_path / "mine")
    with pytest.raises(ImageError, match="nothing is missing"):
        link_file(cache / "nothing", cache / "root/nothing", cache)


def test_links(tmp_path: Path) -> None:
    make_links(tmp_path, {"etc/mtab": "/proc/self/mounts"})
    assert (tmp_path / "etc/mtab").readlink() == Path("/proc/self/mounts")


def test_the_lists_give_reasons_and_name_nothing_twice() -> None:
    executables = list_executables(AMD64)
    assert all(item.why for item in executables)
    assert all(keep.why for keep in KEPT)
    assert all(STDLIB_DROPPED.values())
    assert len({item.path for item in executables}) == len(executables)
    packages = list_packages(get_board("cloud"), AMD64)
    assert len(set(packages)) == len(packages)


def test_only_what_a_machine_starts_with_is_fetched() -> None:
    toy = Board("toy", "", {"arm64": Kernel("linux-image-arm64")}, (), (), (), boot=RaspberryPi(("x.dtb",)))
    assert {"systemd-boot-efi/forky", "grub-pc-bin"} <= set(list_packages(get_board("metal"), AMD64))
    assert "grub-pc-bin" not in list_packages(get_board("metal"), ARM64)
    pi = list_packages(toy, ARM64)
    assert "raspi-firmware/forky" in pi
    assert not {"systemd-boot-efi/forky", "grub-pc-bin"} & set(pi)


def test_no_shell_is_on_the_list() -> None:
    names = {Path(item.path).name for item in list_executables(AMD64)}
    assert not names & {"sh", "bash", "dash", "busybox", "perl", "python3", "login", "sshd", "nsenter", "socat"}
