"""The firmware's mailbox: requests as bytes, and a firmware in memory that answers them, badly too."""

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controllers.lifecycle import mailbox
from controllers.lifecycle.mailbox import GET_REBOOT_FLAGS, SET_REBOOT_FLAGS, MailboxError, arm, decode, encode

UNKNOWN = 0x80000001


class FakeFirmware:
    """Answers property requests. `knows`: the tags; `keeps`: a flag that was set is there afterwards."""

    def __init__(self, knows: tuple[int, ...] = (GET_REBOOT_FLAGS, SET_REBOOT_FLAGS), *, keeps: bool = True) -> None:
        self.knows, self.keeps, self.flags, self.asked = knows, keeps, 0, list[int]()

    def answer(self, request: bytes) -> bytes:
        size, code, tag, room, answered, value, end = struct.unpack_from("<7I", request)
        assert (size, code, room, answered, end) == (28, 0, 4, 0, 0)
        self.asked.append(tag)
        if tag not in self.knows:
            return struct.pack("<7I", size, UNKNOWN, tag, room, 0, value, 0).ljust(32, b"\0")
        if tag == SET_REBOOT_FLAGS and self.keeps:
            self.flags = value
        return struct.pack("<7I", size, 0x80000000, tag, room, 0x80000004, self.flags, 0).ljust(32, b"\0")


def test_a_request_is_what_the_wiki_says() -> None:
    words = struct.unpack("<8I", encode(SET_REBOOT_FLAGS, 1))
    assert words == (28, 0, 0x00038064, 4, 0, 1, 0, 0)


def test_the_flag_is_set_and_read_back() -> None:
    firmware = FakeFirmware()
    arm(firmware.answer)
    assert (firmware.flags, firmware.asked) == (1, [SET_REBOOT_FLAGS, GET_REBOOT_FLAGS])


def test_a_firmware_without_the_flag_is_noticed() -> None:
    with pytest.raises(MailboxError, match="does not know request 0x38064"):
        arm(FakeFirmware(knows=()).answer)
    with pytest.raises(MailboxError, match="does not keep it"):
        arm(FakeFirmware(keeps=False).answer)


def test_an_answer_to_something_else_is_none() -> None:
    with pytest.raises(MailboxError):
        decode(FakeFirmware().answer(encode(GET_REBOOT_FLAGS, 0)), SET_REBOOT_FLAGS)


@contextmanager
def registers(answer: Callable[[bytes], bytes] | None, status: int = 0) -> Iterator[tuple[memoryview, memoryview, list[int]]]:
    """Registers and a page, and a firmware that looks at them all the time."""
    box, page, seen = memoryview(bytearray(mailbox.SIZE)).cast("I"), memoryview(bytearray(4096)).cast("I"), list[int]()
    box[mailbox.STATUS // 4] = status
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.0005):
            if message := box[mailbox.WRITE // 4]:
                box[mailbox.WRITE // 4] = 0
                seen.append(message)
                if answer is not None:
                    found = struct.unpack("<8I", answer(bytes(page)[:32]))
                    for at in (0, 2, 3, 4, 5, 6, 7, 1):
                        page[at] = found[at]

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield box, page, seen
    finally:
        over.set()
        thread.join()


def test_by_registers_the_page_is_what_the_firmware_is_told_of() -> None:
    firmware = FakeFirmware()
    with registers(firmware.answer) as (box, page, seen):
        message = (mailbox.PAGE + 0xC0000000) | mailbox.CHANNEL
        arm(lambda request: mailbox.exchange_words(box, page, message, request))
    assert seen == [0xC0100008, 0xC0100008]
    assert firmware.flags == 1


def test_a_firmware_that_is_silent_or_busy_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "WAIT", 0.01)
    with registers(None) as (box, page, seen), pytest.raises(MailboxError, match="does not answer"):
        mailbox.exchange_words(box, page, 8, encode(GET_REBOOT_FLAGS, 0))
    with registers(None, mailbox.FULL) as (box, page, seen), pytest.raises(MailboxError, match="no room"):
        mailbox.exchange_words(box, page, 8, encode(GET_REBOOT_FLAGS, 0))
    assert seen == []


def test_the_registers_are_those_of_the_kernels_driver(tmp_path: Path) -> None:
    assert mailbox.find_registers(tmp_path) is None
    (tmp_path / "bus/platform/drivers/bcm2835-mbox/107c013880.mailbox").mkdir(parents=True)
    assert mailbox.find_registers(tmp_path) == 0x107C013880


@pytest.mark.parametrize(
    ("ranges", "alias"),
    [
        ("c0000000 00000000 3f000000", 0xC0000000),
        ("00000000 c0000000 00000000 00000000 40000000", 0xC0000000),
        ("", 0),
    ],
    ids=["bcm2837", "bcm2711, bus of two cells", "none"],
)
def test_where_the_bus_sees_memory_is_said_by_the_tree(tmp_path: Path, ranges: str, alias: int) -> None:
    assert mailbox.find_alias(tmp_path) == 0
    (tmp_path / "device-tree/soc").mkdir(parents=True)
    (tmp_path / "device-tree/soc/dma-ranges").write_bytes(bytes.fromhex(ranges))
    assert mailbox.find_alias(tmp_path) == alias
