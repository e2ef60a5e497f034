"""A whole installation on a loop device, with sgdisk, fsck and mtools as judges.

The kernel of a build machine may know neither GPT nor FAT: partitions are announced one by one, and the ESP is read and
written through mtools where a node mounts it.
"""

import errno
import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.block import gpt, luks
from controllers.block.discovery import device_reader
from controllers.block.luks import Luks, LuksError, SlotKey, mapper_path
from controllers.block.luks_keys import resolve_keys
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey, StaticKey
from controllers.install.contents import Verdict
from controllers.install.errors import InstallError, Refused
from controllers.install.job import install
from controllers.install.layout import MIB, get_partition
from controllers.install.medium import NodeMedium
from controllers.install.order import CONFIG, Done, Order, Outcome
from controllers.install.ports import Say, Source
from controllers.install.progress import Progress
from controllers.install.steps import Step
from controllers.install.target import KernelTarget
from controllers.lifecycle.esp import DirectoryEsp
from controllers.ports import Paths, Ports
from controllers.resources.hardware import SystemInformation
from tests.harness.clock import FakeClock
from tests.unit.lifecycle.bundles import Recipe, make_parts, write_key

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

SIZE = 1700 * MIB
PASSPHRASE = StaticKey(passphrase="twelve or more")
STATE = {CONFIG: b"apiVersion: ophite/v1\n", "identity.json": b"{}\n"}
GRUB = {"grub/core.img": b"\xeb\x00".ljust(512, b"D") + b"core" * 9000, "grub/boot.img": b"\xeb\x63".ljust(440, b"B")}


def run(*argv: str, check: bool = True) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=check).stdout


def read_tree(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


class PowerCut(BaseException):
    """Nothing after this point happened."""


class MtoolsTarget(KernelTarget):
    """Reads and writes the ESP without a kernel that knows FAT. `cut_before`: number of the step at which the power fails."""

    cut_before: int | None = None
    count = 0

    async def execute(self, step: Step, source: Source, say: Say) -> None:
        if self.count == self.cut_before:
            raise PowerCut
        self.count += 1
        await super().execute(step, source, say)

    @contextmanager
    def esp(self, device: str, *, read_only: bool = False) -> Iterator[DirectoryEsp]:
        directory = self._work / f"esp{self.count}"
        directory.mkdir(parents=True, exist_ok=True)
        found = subprocess.run(["mdir", "-b", "-i", device, "::"], capture_output=True, check=False)
        if found.returncode:
            raise OSError(errno.EINVAL, "no FAT file system")
        if found.stdout.strip():
            run("mcopy", "-s", "-n", "-Q", "-i", device, "::/*", str(directory))
        before = read_tree(directory)
        yield DirectoryEsp(directory)
        if read_tree(directory) == before:
            return
        if entries := [str(one) for one in directory.iterdir()]:
            run("mcopy", "-s", "-o", "-Q", "-i", device, *entries, "::")


class Machine:
    """A disk as a loop device, and a medium with a signed bundle."""

    def __init__(self, root: Path, sector_size: int = 512) -> None:
        self.root, self.sector_size = root, sector_size
        self.luks = Luks(Path("/usr/sbin"), root / "keys")
        self.image = root / "disk.img"
        with self.image.open("wb") as file:
            file.truncate(SIZE)
        self.ports = Ports(clock=FakeClock(), paths=Paths(root))
        write_key(root / "usr/share/ophite/keys")
        (root / "usr/share/ophite/release.json").write_text('{"version":"1.0","board":"generic","arch":"amd64"}')
        self.put("2.0")
        self.loop = run("losetup", "--find", "--show", "--partscan", "--sector-size", str(sector_size), str(self.image)).strip()

    def put(self, version: str) -> None:
        """Lay another version on the medium."""
        parts = make_parts(version) | GRUB
        Recipe(version=version, parts=parts).unpack(self.ports.paths.run / "medium/ophite")

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            run("blockdev", "--setrw", self.loop)  # it outlives the loop device otherwise
            run("umount", "--quiet", f"{self.loop}p6", check=False)
            run("partx", "--delete", self.loop, check=False)
            run("losetup", "--detach", self.loop)

    def target(self, cut_before: int | None = None) -> MtoolsTarget:
        made = MtoolsTarget(Path("/usr/sbin"), self.root / "work", self.luks)
        made.cut_before = cut_before
        return made

    def order(self, *, wipe: bool = False, state: dict[str, bytes] = STATE, words: tuple[str, ...] = ()) -> Order:
        return Order(self.loop, SIZE, self.sector_size, wipe, words=words, state=state)

    async def install(self, order: Order | None = None, cut_before: int | None = None) -> Done:
        progress = Progress(self.ports.clock, lambda: None)
        return await install(order or self.order(), self.target(cut_before), NodeMedium(self.ports), progress)

    def table(self) -> gpt.Table:
        table = gpt.parse(device_reader(self.loop), self.sector_size, SIZE)
        assert table is not None
        return table

    def digest(self) -> str:
        """Return a hash of all that is not zero; most of the disk is a hole."""
        found, at = hashlib.sha256(), 0
        with self.image.open("rb", buffering=0) as file, suppress(OSError):
            while True:  # ends with ENXIO behind the last data
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                data = os.pread(file.fileno(), MIB - at % MIB, at)
                if any(data):
                    found.update(at.to_bytes(8, "little") + data)
                at += len(data)
        return found.hexdigest()

    def read_esp(self, name: str) -> str:
        return run("mtype", "-i", f"{self.loop}p2", f"::{name}")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def big_sectors(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, 4096)
    try:
        yield made
    finally:
        made.close()


async def check_installed(
    machine: Machine, version: str = "2.0", state: dict[str, bytes] = STATE, keys: tuple[SlotKey, ...] = ()
) -> None:
    """Everything that makes a disk start, by other programs than ours."""
    table = machine.table()
    assert "No problems found" in run("sgdisk", "-v", machine.loop)
    assert [one.label for one in table.partitions] == ["BIOS", "ESP", "ROOT-A", "ROOT-B", "META", "STATE"]
    assert run("fsck.vfat", "-n", f"{machine.loop}p2", check=False).count("dirty") == 0
    if not keys:
        run("e2fsck", "-fn", f"{machine.loop}p6")
    assert machine.read_esp("/loader/entries/ophite-a.conf").startswith(f"title Ophite {version}\n")
    assert "default=a\ntry=\n" in machine.read_esp("/grub/grubenv")
    root = make_parts(version)["root.erofs"]
    assert device_reader(f"{machine.loop}p3")(0, len(root)) == root
    for name, data in state.items():
        assert await machine.target().read_state(f"{machine.loop}p6", name, keys) == data
    assert machine.target().read_contents(machine.loop, machine.sector_size, SIZE).verdict is Verdict.OURS


async def test_an_empty_disk_becomes_a_node(machine: Machine) -> None:
    done = await machine.install(machine.order(words=("console=ttyS1",)))
    assert done == Done(Outcome.INSTALLED, "2.0")
    await check_installed(machine)
    for path in ("/EFI/BOOT/BOOTX64.EFI", "/EFI/ophite/a.efi", "/ophite/a/vmlinuz", "/grub/grub.cfg"):
        assert machine.read_esp(path)
    assert "console=ttyS0,115200 console=ttyS1" in machine.read_esp("/loader/entries/ophite-a.conf")
    assert " console=ttyS1 " in machine.read_esp("/ophite/a/boot.cfg")
    head = device_reader(machine.loop)(0, 2 * MIB)
    assert head[:4] == b"\xeb\x63BB"
    assert head[MIB + 512 : MIB + 516] == b"core"
    assert get_partition(machine.table(), "BIOS").first * 512 == MIB


async def test_sectors_of_4096_bytes(big_sectors: Machine) -> None:
    await big_sectors.install()
    await check_installed(big_sectors)
    assert not any(device_reader(big_sectors.loop)(0, 440)), "no BIOS reads such sectors"


async def test_an_encrypted_state(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locked by the machine's own key: readable with it, and with nothing else."""
    monkeypatch.setattr(luks, "PBKDF", ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"))
    machine.luks = LoopLuks(Path("/usr/sbin"), machine.root / "keys")
    encryption = Encryption(keys=(EncryptionKey(slot=0, node_id=NodeIDKey()), EncryptionKey(slot=1, static=PASSPHRASE)))
    system = SystemInformation(uuid="8a9b1c2d-1111-4222-8333-444455556666")
    order = replace(machine.order(), encryption=encryption, system=system, state_size=72 * MIB)
    await machine.install(order)
    partition = get_partition(machine.table(), "STATE")
    assert partition.sectors * 512 == 72 * MIB
    keys = resolve_keys(encryption, system, str(partition.uuid))
    await check_installed(machine, keys=keys)
    assert await machine.target().read_state(f"{machine.loop}p6", CONFIG, keys[:1]) == STATE[CONFIG]
    other = resolve_keys(encryption, replace_uuid(system), str(partition.uuid))[:1]
    assert await machine.target().read_state(f"{machine.loop}p6", CONFIG, other) is None
    assert STATE[CONFIG] not in device_reader(f"{machine.loop}p6")(0, 72 * MIB)
    assert (await machine.install(order)).outcome is Outcome.ALREADY
    with pytest.raises(Refused):
        await machine.install(replace(order, encryption=None))


class LoopLuks(Luks):
    """Real LUKS2 headers and keys; what opens is a loop device, because a build machine may have no device mapper."""

    inner = ""

    async def open(self, device: str, name: str, keys: Sequence[SlotKey]) -> int:
        opener = await self._find_opener(device, keys, await self.slots(device))
        if opener is None:
            raise LuksError("locked")
        self._attach(Path(mapper_path(name)), self._kept / "content")
        return opener.slot

    async def close(self, name: str) -> None:
        if self.inner:
            self._detach(Path(mapper_path(name)))

    def _attach(self, mapping: Path, content: Path) -> None:
        if not content.exists():
            content.write_bytes(bytes(40 * MIB))
        self.inner = run("losetup", "--find", "--show", str(content)).strip()
        mapping.symlink_to(self.inner)

    def _detach(self, mapping: Path) -> None:
        mapping.unlink()
        run("losetup", "--detach", self.inner)
        self.inner = ""


def replace_uuid(system: SystemInformation) -> SystemInformation:
    return SystemInformation(uuid=system.uuid[::-1])


async def test_twice_the_same_changes_nothing(machine: Machine) -> None:
    await machine.install()
    before = machine.digest()
    assert (await machine.install()).outcome is Outcome.ALREADY
    assert (await machine.install(machine.order(wipe=True))).outcome is Outcome.ALREADY
    assert machine.digest() == before


async def test_another_configuration_or_version_needs_to_be_told_to_wipe(machine: Machine) -> None:
    await machine.install()
    before = machine.digest()
    other = {**STATE, CONFIG: b"other"}
    with pytest.raises(Refused, match="an installed Ophite with another version or configuration"):
        await machine.install(machine.order(state=other))
    machine.put("3.0")
    with pytest.raises(Refused, match="partition 6 'STATE': ext4 labelled 'STATE'"):
        await machine.install()
    assert machine.digest() == before
    await machine.install(machine.order(wipe=True, state=other))
    await check_installed(machine, "3.0", other)


@pytest.mark.parametrize("cut_before", range(1, 11))
async def test_a_power_cut_between_two_steps_is_gone_on_after(machine: Machine, cut_before: int) -> None:
    with pytest.raises(PowerCut):
        await machine.install(cut_before=cut_before)
    await machine.install()
    await check_installed(machine)


async def test_what_a_brain_that_died_left_mounted_is_no_obstacle(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        await machine.install(cut_before=8)
    (tmp_path / "left").mkdir()
    run("mount", f"{machine.loop}p6", str(tmp_path / "left"))
    await machine.install()
    await check_installed(machine)


async def test_a_state_that_is_mounted_is_read_where_it_is(machine: Machine, tmp_path: Path) -> None:
    await machine.install()
    (tmp_path / "state").mkdir()
    run("mount", f"{machine.loop}p6", str(tmp_path / "state"))
    assert (await machine.install()).outcome is Outcome.ALREADY
    assert (tmp_path / "state" / CONFIG).read_bytes() == STATE[CONFIG], "it stays mounted"
    run("umount", str(tmp_path / "state"))


def make_gpt(machine: Machine) -> None:
    run("sgdisk", "-n1:2048:+64M", "-c1:precious", machine.loop)


def make_mbr(machine: Machine) -> None:
    subprocess.run(["sfdisk", "-q", "--no-reread", machine.loop], input=b"label: dos\n2048,65536,83\n", check=True)


def make_ext4(machine: Machine) -> None:
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "precious", machine.loop)


def write_at(machine: Machine, offset: int, data: bytes) -> None:
    with Path(machine.loop).open("r+b") as file:
        file.seek(offset)
        file.write(data)


def make_luks(machine: Machine) -> None:
    write_at(machine, 0, b"LUKS\xba\xbe\x00\x02")


def make_lvm(machine: Machine) -> None:
    write_at(machine, 512, b"LABELONE".ljust(24, b"\0") + b"LVM2 001")


FOREIGN = [
    (make_gpt, "a GPT of 1 partitions; partition 1 'precious': empty"),
    (make_mbr, "an MBR; partition 1 of type 0x83: empty"),
    (make_ext4, "ext4 labelled 'precious'"),
    (make_luks, "luks"),
    (make_lvm, "lvm"),
]


@pytest.mark.parametrize(("make", "text"), FOREIGN, ids=[make.__name__ for make, _ in FOREIGN])
async def test_what_somebody_else_has_there_is_left_alone(machine: Machine, make: object, text: str) -> None:
    assert callable(make)
    make(machine)
    before = machine.digest()
    with pytest.raises(Refused) as refused:
        await machine.install()
    assert f"it holds {text}".lower() in refused.value.message.lower()
    assert "wipe: true" in refused.value.hint
    assert machine.digest() == before
    await machine.install(machine.order(wipe=True))
    await check_installed(machine)


async def test_a_disk_that_is_mounted_is_in_use(machine: Machine, tmp_path: Path) -> None:
    make_ext4(machine)
    (tmp_path / "mnt").mkdir()
    run("mount", machine.loop, str(tmp_path / "mnt"))
    try:
        with pytest.raises(InstallError, match="is in use"):
            await machine.install(machine.order(wipe=True))
    finally:
        run("umount", str(tmp_path / "mnt"))


async def test_a_read_only_disk_says_so(machine: Machine) -> None:
    run("blockdev", "--setro", machine.loop)
    with pytest.raises(InstallError, match=r"mark .* as being installed: .*[Pp]ermi|read-only"):
        await machine.install()


async def test_a_disk_that_breaks_while_it_is_written(tmp_path: Path) -> None:
    """A file system that is full below the loop device is an I/O error on it."""
    run("mount", "-t", "tmpfs", "-o", "size=12M", "tmpfs", str(tmp_path))
    machine = Machine(tmp_path)
    try:
        with pytest.raises(InstallError, match=r"clear /dev/loop.*: .*(Input/output error|No space left)"):
            await machine.install()
    finally:
        machine.close()
        run("umount", "--lazy", str(tmp_path))


async def test_a_changed_file_on_the_medium_is_refused_before_anything_is_written(machine: Machine) -> None:
    before = machine.digest()
    path = machine.ports.paths.run / "medium/ophite/root.erofs"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(Exception, match=r"root\.erofs"):
        await machine.install()
    assert machine.digest() == before
