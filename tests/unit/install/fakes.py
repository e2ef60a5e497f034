"""A machine and a medium that exist only here. They keep `InstallPort` and `Source`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from controllers.block import gpt
from controllers.block.luks_keys import SlotKey
from controllers.install import layout
from controllers.install.contents import Contents, Verdict
from controllers.install.layout import MIB, Payload
from controllers.install.ports import Say, Source
from controllers.install.progress import Progress
from controllers.install.steps import Activate, MakeState, Step, WriteMark, WriteRoot, WriteTable
from controllers.lifecycle.esp import DirectoryEsp, EspPort

PAYLOAD = Payload("amd64", "ab" * 32, 240 * MIB, 40 * MIB)


class FakeSource:
    """A bundle of version 2.0."""

    version = "2.0"
    payload = PAYLOAD
    has_grub = True

    def __init__(self, machine: "FakePort") -> None:
        self.machine = machine

    def read(self, name: str) -> bytes:
        return name.encode()

    def write_root(self, disk: str, say: Say) -> None:
        """Nothing: steps are only remembered."""

    def is_root(self, device: str) -> bool:
        return self.machine.has_root

    def write_boot_files(self, disk: str, esp: EspPort, words: tuple[str, ...], say: Say) -> None:
        """The same."""

    def activate(self, disk: str, esp: EspPort, words: tuple[str, ...]) -> None:
        """The same."""

    def is_active(self, esp: EspPort) -> bool:
        return self.machine.has_entry


class FakeMedium:
    """Opens it."""

    def __init__(self, machine: "FakePort") -> None:
        self.machine = machine
        self.opened: list[str] = []
        self.released = 0
        self.error: Exception | None = None

    async def open(self, image: str, progress: Progress) -> Source:
        self.opened.append(image)
        if self.error is not None:
            raise self.error
        return FakeSource(self.machine)

    async def release(self) -> None:
        self.released += 1


class FakePort:
    """One disk. `failing`: type of the step that breaks, with `error`; `busy`: it cannot be released."""

    def __init__(self) -> None:
        self.verdict = Verdict.EMPTY
        self.found: tuple[str, ...] = ()
        self.table: gpt.Table | None = None
        self.uuid: UUID | None = None
        self.has_root = self.has_entry = self.busy = False
        self.state: dict[str, bytes] = {}
        self.done: list[Step] = []
        self.failing: type | None = None
        self.error: Exception = OSError(5, "Input/output error")
        self.medium = FakeMedium(self)

    @property
    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.done]

    def read_contents(self, disk: str, sector_size: int, size: int) -> Contents:
        return Contents(self.verdict, self.found, self.table, self.uuid)

    async def release(self, disk: str) -> None:
        if self.busy:
            raise OSError(16, "Device or resource busy", "/var")

    def learn(self, disk: str, table: gpt.Table) -> None:
        """Every kernel knows its partitions here."""

    @contextmanager
    def esp(self, device: str, *, read_only: bool = False) -> Iterator[EspPort]:
        yield DirectoryEsp(Path("/nonexistent"))

    async def read_state(self, device: str, name: str, keys: tuple[SlotKey, ...]) -> bytes | None:
        return self.state.get(name)

    async def execute(self, step: Step, source: Source, say: Say) -> None:
        if self.failing is type(step):
            raise self.error
        self.done.append(step)
        say(1.0)
        match step:
            case WriteMark():
                self.verdict = Verdict.INTERRUPTED if any(step.data) else Verdict.OURS
            case WriteTable():
                self.table, self.uuid = step.table, step.table.disk_uuid
            case WriteRoot():
                self.has_root = True
            case MakeState():
                self.state = dict(step.files)
            case Activate():
                self.has_entry = True
            case _:
                pass


def table(root_hash: str = PAYLOAD.root_hash) -> Any:
    """A whole installation's partition table."""
    return layout.plan_table(Payload("amd64", root_hash, 240 * MIB, 40 * MIB), 64 << 30, 512, UUID(int=5))
