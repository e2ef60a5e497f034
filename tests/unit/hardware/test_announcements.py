"""One listener, several controllers: who is woken by what, and what happens when listening fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from controllers.hardware.announcements import Announcements, of
from tests.harness.clock import settle


class Kernel:
    """Stands in for the netlink socket."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, str] | None] = asyncio.Queue()
        self.listeners = 0
        self.open = 0

    async def listen(self) -> AsyncIterator[dict[str, str]]:
        self.listeners += 1
        self.open += 1
        try:
            while (event := await self.events.get()) is not None:
                yield event
            raise OSError("no such socket")
        finally:
            self.open -= 1

    async def say(self, event: dict[str, str] | None) -> None:
        self.events.put_nowait(event)
        await settle()


def start(announcements: Announcements, woken: list[str], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(announcements.follow(of(name), lambda: woken.append(name)))


async def test_only_those_who_care_are_woken() -> None:
    kernel, woken = Kernel(), list[str]()
    announcements = Announcements(kernel.listen)
    tasks = [start(announcements, woken, name) for name in ("pci", "usb")]
    await settle()
    assert sorted(woken) == ["pci", "usb"], "each once at the start"
    woken.clear()
    await kernel.say({"SUBSYSTEM": "usb"})
    await kernel.say({"SUBSYSTEM": "net"})
    assert woken == ["usb"]
    await kernel.say({})
    assert woken == ["usb", "pci", "usb"], "some were lost: everybody looks again"
    assert kernel.listeners == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await settle()
    assert kernel.open == 0


async def test_one_leaves_and_the_other_stays() -> None:
    kernel, woken = Kernel(), list[str]()
    announcements = Announcements(kernel.listen)
    first, second = (start(announcements, woken, name) for name in ("pci", "usb"))
    await settle()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    woken.clear()
    await kernel.say({"SUBSYSTEM": "pci"})
    await kernel.say({"SUBSYSTEM": "usb"})
    assert woken == ["usb"]
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_one_comes_while_the_last_one_leaves() -> None:
    kernel, woken = Kernel(), list[str]()
    announcements = Announcements(kernel.listen)
    first = start(announcements, woken, "pci")
    await settle()
    first.cancel()
    await asyncio.sleep(0)
    second = start(announcements, woken, "usb")
    await settle()
    woken.clear()
    await kernel.say({"SUBSYSTEM": "usb"})
    assert woken == ["usb"]
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_a_failure_is_everybodys_and_following_again_listens_again() -> None:
    kernel, woken = Kernel(), list[str]()
    announcements = Announcements(kernel.listen)
    tasks = [start(announcements, woken, name) for name in ("pci", "usb")]
    await settle()
    await kernel.say(None)
    for task in tasks:
        with pytest.raises(OSError, match="no such socket"):
            await task
    again = start(announcements, woken, "pci")
    await settle()
    assert kernel.listeners == 2
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
