"""Any life of a machine: boots in which anything may be asked for, be unhealthy, fail or lose its power, in any order.

Whatever happens, the record keeps to its table, the slot that proved itself stays bootable, and once the machine is left alone
every upgrade ends.
"""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.lifecycle.record import parse_record
from controllers.lifecycle.transitions import State, is_allowed
from tests.unit.lifecycle.machine import Boot, Disk

EVENTS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(["https://h/b", "rollback"]), st.booleans(), st.booleans()),
    st.tuples(st.just("status"), st.lists(st.sampled_from(["network", "etcd", "node"]), max_size=2, unique=True)),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 70])),
    st.tuples(st.just("fail"), st.sampled_from(["spool", "write root", "arm", "commit", "disarm", "look", "meta", "drop"])),
    st.tuples(st.just("heal")),
    st.tuples(st.just("lose meta")),
)
BOOTS = st.lists(st.tuples(st.lists(EVENTS, max_size=4), st.none() | st.integers(0, 12)), min_size=1, max_size=4)


class WatchedMeta(dict[str, str]):
    """META that checks every transition of the record."""

    def __setitem__(self, key: str, value: str) -> None:
        if key == "upgrade":
            before, after = parse_record(self.get(key, "")), parse_record(value)
            assert after is not None
            assert is_allowed(before.state if before else None, after.state), f"{before} became {after}"
        super().__setitem__(key, value)


async def play(boot: Boot, number: int, event: tuple[Any, ...]) -> None:
    """Let one thing happen."""
    disk = boot.disk
    match event:
        case ("ask", source, force, stage):
            await boot.ask(f"request-{number}", source, force=force, stage=stage, window=60.0)
        case ("status", unmet):
            await boot.status(*unmet)
        case ("wait", seconds):
            await boot.wait(seconds)
        case ("fail", what):
            disk.fails[what] = f"{what} failed"
        case ("heal",):
            disk.fails = {}
        case ("lose meta",):
            disk.meta.clear()


async def live(boots: list[tuple[list[tuple[Any, ...]], int | None]], *, tryboot: bool) -> None:
    disk = Disk(meta=WatchedMeta(), tryboot=tryboot)
    number = 0
    for events, kill_after in boots:
        if kill_after is not None:
            disk.kill_at = disk.effects + kill_after
        async with Boot(disk) as boot:
            await boot.status()
            for event in events:
                number += 1
                await play(boot, number, event)
            await boot.wait(1)
        default = disk.default
        disk.boot()
        assert disk.default == default
        assert disk.slots[disk.running].root_hash, "the boot loader never takes a slot without a system"
    disk.fails, disk.kill_at = {}, -1
    for _ in range(3):
        async with Boot(disk) as boot:
            await boot.status()
            await boot.wait(150)
            again = await boot.reboots()
        if not again:
            break
        disk.boot()
    assert not again, "a machine that is left alone comes to rest"
    assert disk.record is None or disk.record.state in (State.COMMITTED, State.ROLLED_BACK, State.ABANDONED, State.FAILED)
    assert disk.slots[disk.default].root_hash, "what is booted without a try is a system"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(BOOTS, st.booleans())
def test_any_life(boots: list[tuple[list[tuple[Any, ...]], int | None]], tryboot: bool) -> None:
    asyncio.run(live(boots, tryboot=tryboot))
