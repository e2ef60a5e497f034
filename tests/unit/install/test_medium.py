"""The files of the system: from the medium, checked, onto the ESP."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.install import medium
from controllers.install.medium import BundleSource, NodeMedium
from controllers.install.progress import Progress
from controllers.lifecycle.entries import parse_entry
from controllers.lifecycle.errors import BundleError
from controllers.lifecycle.esp import DirectoryEsp
from controllers.lifecycle.fetch_http import Limits
from controllers.ports import Paths, Ports
from tests.harness.clock import FakeClock
from tests.unit.lifecycle.bundles import COMMAND_LINE, Recipe, make_parts, root_hash, write_key

RELEASE = '{"version":"1.0","board":"generic","arch":"amd64"}'


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The root of a node with a key and a release."""
    write_key(tmp_path / "usr/share/ophite/keys")
    (tmp_path / "usr/share/ophite/release.json").write_text(RELEASE)
    return tmp_path


async def open_medium(node: Path, recipe: Recipe) -> BundleSource:
    recipe.unpack(node / "run/ophite/medium/ophite")
    return await NodeMedium(Ports(paths=Paths(node))).open("", Progress(FakeClock(), lambda: None))


async def test_what_is_on_the_medium(node: Path) -> None:
    source = await open_medium(node, Recipe())
    parts = make_parts("2.0")
    assert source.version == "2.0"
    assert source.has_grub
    payload = source.payload
    assert (payload.arch, payload.root_hash) == ("amd64", root_hash("2.0"))
    assert payload.root_size == len(parts["root.erofs"])
    assert payload.boot_files == sum(len(parts[name]) for name in ("boot.efi", "ophite.efi", "vmlinuz", "initramfs.zst"))
    assert source.read("grub/boot.img") == parts["grub/boot.img"]
    with pytest.raises(BundleError, match=r"nothing\.img is missing"):
        source.read("nothing.img")


async def test_a_node_without_a_medium_says_what_to_do(node: Path) -> None:
    with pytest.raises(BundleError) as error:
        await NodeMedium(Ports(paths=Paths(node))).open("", Progress(FakeClock(), lambda: None))
    assert "ophite install --image" in error.value.hint


async def test_an_iso_that_was_taken_out_is_named(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medium, "find_medium", lambda label: (None, [f"sr0: no ISO 9660, wanted {label}"]))
    given = Ports(paths=Paths(node), cmdline={"ophite.root": "iso", "ophite.medium": "OPHITE"})
    with pytest.raises(BundleError, match=r"the medium 'OPHITE' is gone \(sr0: no ISO 9660, wanted OPHITE\)"):
        await NodeMedium(given).open("", Progress(FakeClock(), lambda: None))


async def test_a_bundle_is_fetched_checked_and_dropped(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Recipe().write(node / "made.bundle").read_bytes()
    asked = serve(monkeypatch, data)
    opener = NodeMedium(Ports(paths=Paths(node)))
    source = await opener.open("https://example.com/b", Progress(FakeClock(), lambda: None))
    assert asked == ["https://example.com/b"]
    assert source.read("grub/boot.img") == make_parts("2.0")["grub/boot.img"]
    await opener.release()
    assert list((node / "run/ophite/install").iterdir()) == []


async def test_a_fetched_bundle_for_another_machine_is_refused_before_it_is_taken(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, Recipe(arch="arm64").write(node / "made.bundle").read_bytes()[:8192])
    with pytest.raises(BundleError, match="architecture arm64"):
        await NodeMedium(Ports(paths=Paths(node))).open("https://example.com/b", Progress(FakeClock(), lambda: None))
    assert list((node / "run/ophite/install").iterdir()) == []


def serve(monkeypatch: pytest.MonkeyPatch, data: bytes) -> list[str]:
    """Have every download bring these bytes; return what was asked for."""
    asked: list[str] = []

    def fetch(source: str, sink: Callable[[bytes], None], limits: Limits, progress: Callable[[int], None]) -> None:
        asked.append(source)
        for at in range(0, len(data), 4096):
            sink(data[at : at + 4096])
            progress(at)

    monkeypatch.setattr(medium, "fetch", fetch)
    return asked


@pytest.mark.parametrize("recipe", [Recipe(arch="arm64"), Recipe(changes={"board": "other"})], ids=["arch", "board"])
async def test_a_medium_for_another_machine_is_refused(node: Path, recipe: Recipe) -> None:
    with pytest.raises(BundleError, match="cannot be used"):
        await open_medium(node, recipe)


@pytest.mark.parametrize("words", [(), ("console=ttyS1", "quiet")])
async def test_the_files_of_an_esp(node: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    source = await open_medium(node, Recipe())
    root = tmp_path / "esp"
    root.mkdir()
    esp = DirectoryEsp(root)
    source.write_boot_files("/dev/sda", esp, words, lambda fraction: None)
    assert not source.is_active(esp)
    assert not list(root.rglob("BOOT*.EFI")), "nothing that firmware looks for before the end"
    source.activate("/dev/sda", esp, words)
    assert source.is_active(esp)
    parts = make_parts("2.0")
    placed = {"EFI/BOOT/BOOTX64.EFI": "boot.efi", "EFI/ophite/a.efi": "ophite.efi", "ophite/a/vmlinuz": "vmlinuz"}
    placed |= {"ophite/a/initramfs.zst": "initramfs.zst", "grub/grub.cfg": "grub/grub.cfg"}
    assert {path: (root / path).read_bytes() for path in placed} == {path: parts[name] for path, name in placed.items()}
    assert (root / "loader/loader.conf").read_text() == "timeout 0\neditor no\n"
    assert (root / "grub/grubenv").stat().st_size == 1024
    entry = parse_entry("ophite-a.conf", (root / "loader/entries/ophite-a.conf").read_text())
    assert entry is not None
    assert (entry.version, entry.tries) == ("2.0", None)
    assert entry.options == (f"{COMMAND_LINE} console=ttyS1 quiet" if words else "")
    assert " ".join((COMMAND_LINE.split()[-1], *words)) in (root / "ophite/a/boot.cfg").read_text()


async def test_what_firmware_looks_for_comes_last(node: Path, tmp_path: Path) -> None:
    source = await open_medium(node, Recipe())
    written: list[str] = []

    class Spy(DirectoryEsp):
        def rename(self, old: str, new: str) -> None:
            written.append(new)
            assert not source.is_active(self)
            super().rename(old, new)

    (tmp_path / "esp").mkdir()
    source.activate("/dev/sda", Spy(tmp_path / "esp"), ())
    assert written[-2:] == ["loader/entries/ophite-a.conf", "EFI/BOOT/BOOTX64.EFI"]


async def test_arm64_has_another_loader_and_no_grub(node: Path, tmp_path: Path) -> None:
    (node / "usr/share/ophite/release.json").write_text(RELEASE.replace("amd64", "arm64"))
    source = await open_medium(node, Recipe(arch="arm64"))
    assert not source.has_grub
    root = tmp_path / "esp"
    root.mkdir()
    source.activate("/dev/sda", DirectoryEsp(root), ())
    assert (root / "EFI/BOOT/BOOTAA64.EFI").exists()
    assert not (root / "grub").exists()
