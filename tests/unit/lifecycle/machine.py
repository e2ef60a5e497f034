"""A machine that upgrades itself, without a machine: META, two slots and a boot loader as plain values, and as many boots as
a test wants. Whatever is killed, META and the slots are what the next boot finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from controllers.lifecycle.errors import BundleError, SlotError
from controllers.lifecycle.ports import Opened
from controllers.lifecycle.progress import Say
from controllers.lifecycle.record import UpgradeRecord, parse_record
from controllers.lifecycle.slot_status import SlotStatusController
from controllers.lifecycle.transitions import State
from controllers.lifecycle.tryboot import ARGUMENT
from controllers.lifecycle.upgrade import UpgradeController
from controllers.lifecycle.verify import VerifyController
from controllers.ports import Ports
from controllers.resources.lifecycle import UPGRADE, SlotStatus, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import Blocker, MachineStatus, PlatformInfo, PowerRequest, RebootArgument, Stage, VersionInfo
from controllers.resources.meta import MetaRequest, MetaStatus, MetaValue
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from tests.harness.engine import World

OLD, NEW = "0" * 64, "1" * 64
OTHER = {"a": "b", "b": "a"}
BUNDLE = "b" * 64


class Killed(BaseException):
    """The power went, at exactly this point."""


@dataclass
class Slot:
    """What is on the disk. `tries`: None is an entry without counter; `entry` whether there is one."""

    version: str = ""
    root_hash: str = ""
    entry: bool = False
    tries: int | None = None


@dataclass
class Disk:
    """Everything that outlives a boot. `effects` counts what was done to it, over all boots; `kill_at` ends the power before
    that one. `tryboot`: it is a Raspberry Pi's, whose firmware tries a slot only when the reboot carries `argument`.
    """

    meta: dict[str, str] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=lambda: {"a": Slot("1", OLD, entry=True), "b": Slot()})
    default: str = "a"
    spooled: Opened | None = None
    running: str = "a"
    effects: int = 0
    kill_at: int = -1
    fails: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    frozen: bool = False
    tryboot: bool = False
    argument: str = ""

    def effect(self, what: str) -> None:
        """Something changes the disk. A machine without power changes nothing any more."""
        if self.frozen or self.effects == self.kill_at:
            self.frozen = True
            raise Killed(what)
        self.effects += 1
        self.done.append(what)
        if what in self.fails:
            raise SlotError(self.fails[what])

    @property
    def next(self) -> str:
        """The slot that the boot loader takes: one with a try left, else the default."""
        if self.tryboot:
            return self.default
        return next((name for name, slot in self.slots.items() if slot.entry and slot.tries), self.default)

    def boot(self) -> str:
        """Do what the boot loader does, and use up the try. Returns the slot that runs."""
        tried = self.tryboot and bool(self.argument) and not self.frozen
        self.argument = ""
        if self.frozen:
            self.frozen, self.kill_at = False, -1
        self.running = OTHER[self.next] if tried else self.next
        if self.slots[self.running].tries:
            self.slots[self.running].tries = 0
        return self.running

    @property
    def record(self) -> UpgradeRecord | None:
        """What META says."""
        return parse_record(self.meta.get(UPGRADE, ""))


class FakeSlots:
    """Keeps `SlotPort` over a `Disk`."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    async def look(self) -> dict[str, SlotStatus]:
        disk = self.disk
        if "look" in disk.fails:
            raise SlotError(disk.fails["look"])
        return {
            name: SlotStatus(
                version=slot.version,
                root_hash=slot.root_hash,
                running=name == disk.running,
                next=name == disk.next,
                entry=slot.entry,
                tries=(0 if name == disk.running != disk.default else None) if disk.tryboot else slot.tries,
                argument=ARGUMENT if disk.tryboot else "",
            )
            for name, slot in disk.slots.items()
        }

    async def check(self, slot: str) -> None:
        if "check" in self.disk.fails:
            raise SlotError(self.disk.fails["check"])

    async def write(self, slot: str, words: tuple[str, ...], say: Say) -> None:
        disk = self.disk
        assert slot != disk.running, "the slot that runs is never written"
        assert disk.spooled is not None
        disk.effect("remove entry")
        disk.slots[slot] = Slot()
        disk.effect("write root")
        say("root image", 0.5)
        disk.effect("write boot files")
        disk.slots[slot] = Slot(disk.spooled.version, disk.spooled.root_hash, entry=disk.tryboot)

    async def arm(self, slot: str, version: str) -> None:
        self.disk.effect("arm")
        self.disk.slots[slot].entry, self.disk.slots[slot].tries = True, None if self.disk.tryboot else 1

    async def commit(self, slot: str) -> None:
        self.disk.effect("commit")
        self.disk.slots[slot].entry, self.disk.slots[slot].tries, self.disk.default = True, None, slot

    async def disarm(self, slot: str) -> None:
        self.disk.effect("disarm")
        other = OTHER[slot]
        if self.disk.slots[slot].entry:
            self.disk.slots[slot].tries = 0
        if self.disk.slots[other].entry:
            self.disk.default = other


class FakeBundles:
    """Keeps `BundlePort` over a `Disk`; a fetched bundle is `offered`."""

    def __init__(self, disk: Disk, offered: Opened) -> None:
        self.disk = disk
        self.offered = offered
        self.wrong = ""

    async def fetch(self, source: str, say: Say) -> None:
        self.disk.effect("spool")
        self.disk.spooled = self.offered
        say("fetch", 1.0)

    async def open(self, say: Say) -> Opened:
        if self.disk.spooled is None:
            raise BundleError("nothing is spooled")
        return self.disk.spooled

    async def check(self, node: VersionInfo, running_hash: str) -> None:
        if self.wrong:
            raise BundleError(self.wrong)

    async def drop(self) -> None:
        self.disk.effect("drop")
        self.disk.spooled = None


class FakeMeta(Controller):
    """Writes META at once."""

    name = "test.Meta"
    inputs = (Input(MetaRequest),)
    outputs = (Output(MetaValue), Output(MetaStatus))

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def reconcile(self, view: View) -> Iterable[Wanted]:
        for request in view.list(MetaRequest):
            if self.disk.meta.get(request.id) != request.spec.value and not self.disk.frozen:
                if self.disk.effects == self.disk.kill_at:
                    self.disk.frozen = True
                    break
                self.disk.effects += 1
                if "meta" not in self.disk.fails:
                    self.disk.meta[request.id] = request.spec.value
        values = [Wanted(key, MetaValue(value=value)) for key, value in self.disk.meta.items()]
        return [*values, Wanted("meta", MetaStatus(place="test", durable=True, error=self.disk.fails.get("meta", "")))]


class Boot:
    """One boot of the machine, with the controllers of this domain at work."""

    number = 0

    def __init__(self, disk: Disk, offered: Opened | None = None, uptime: float = 20.0) -> None:
        Boot.number += 1
        self.disk = disk
        self.id = f"boot-{Boot.number}"
        self.bundles = FakeBundles(disk, offered or Opened(BUNDLE, "2", NEW))
        slots = FakeSlots(disk)
        ports = Ports()
        world = self.world = World(FakeMeta(disk))
        world.clock._now = uptime
        ports = Ports(clock=world.clock)
        self.upgrade = UpgradeController(ports, self.bundles, slots)
        world.engine.register([self.upgrade, VerifyController(ports), SlotStatusController(ports, slots)])

    async def __aenter__(self) -> Self:
        slot = self.disk.slots[self.disk.running]
        await self.world.__aenter__()
        line = f"ophite.root=verity ophite.verity={slot.root_hash}:00:1"
        await self.world.put("platform", PlatformInfo(platform="qemu", boot_id=self.id, command_line=line))
        version = VersionInfo(version=slot.version, kubernetes="1.36.0", kernel="6.12", board="generic", arch="amd64")
        await self.world.put("version", version)
        return self

    async def __aexit__(self, *args: object) -> None:
        """The boot ends in order, whoever asked for it."""
        said = await self.world.store.find(RebootArgument, "next")
        self.disk.argument = said.spec.argument if said else ""
        await self.world.__aexit__(*args)

    async def status(self, *unmet: str, stage: Stage = Stage.STARTING) -> None:
        """The machine says how it is."""
        blockers = tuple(Blocker(name=name, reason=f"no {name} yet") for name in unmet)
        await self.world.put("machine", MachineStatus(stage=stage, ready=not unmet, unmet=blockers))

    async def ask(self, request: str = "r1", source: str = "https://h/b", **options: Any) -> None:
        """Somebody asks for an upgrade."""
        await self.world.put(UPGRADE, UpgradeRequest(request=request, source=source, **options))

    async def wait(self, seconds: float = 1.0) -> None:
        """Time passes."""
        await self.world.clock.advance(seconds)

    async def shown(self) -> UpgradeStatus | None:
        """Return what people see."""
        found = await self.world.store.find(UpgradeStatus, UPGRADE)
        return found.spec if found else None

    async def reboots(self) -> bool:
        """Return whether a reboot was asked for."""
        return await self.world.store.find(PowerRequest, "power") is not None


async def live_through(disk: Disk, *, healthy: bool) -> None:
    """Ask for an upgrade and boot four times; the power goes where `disk.kill_at` says. In: is the new version healthy?"""
    for number in range(4):
        async with Boot(disk) as boot:
            await boot.status()
            if disk.slots[disk.running].version == "2" and not healthy:
                await boot.status("etcd")
            if number == 0:
                await boot.ask(window=100.0)
            await boot.wait(150)
        disk.boot()
        assert disk.slots[disk.running].version in ("1", "2")
        assert not disk.tryboot or disk.slots[disk.default].version in ("1", "2"), "what boots by itself is a system"
    assert disk.record is None or disk.record.state in (State.COMMITTED, State.ROLLED_BACK, State.ABANDONED)
