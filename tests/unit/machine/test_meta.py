"""META in the brain: whose keys, which limits, and that what is shown is what is kept."""

from pathlib import Path
from uuid import UUID

import pytest

from controllers.machine.emergency import EmergencyController
from controllers.machine.meta import (
    SYSTEM_ROOM,
    USER_KEYS,
    USER_VALUE,
    MetaController,
    find_user_problem,
    plan_values,
)
from controllers.machine.meta_port import FileMeta, PartitionMeta, open_meta
from controllers.ports import Paths, Ports
from controllers.resources.meta import EmergencyNotice, MetaRequest, MetaStatus, MetaUserRequest, MetaValue
from init.linux.kmsg import Log
from init.linux.meta import MAX_PAYLOAD, META_TYPE, Meta, write_meta
from tests.harness.engine import World
from tests.unit.init.linux.test_disks import gpt, make_disk

NAME = "machine.MetaController"


class FakeMeta:
    """META in memory, which can be made read-only or unreadable."""

    place, durable = "/dev/vda6", True

    def __init__(self, **values: str) -> None:
        self.meta, self.writes, self.error = Meta(1, dict(values)), 0, ""

    def read(self) -> Meta:
        if self.error == "read":
            raise OSError(5, "Input/output error")
        return self.meta

    def write(self, values: dict[str, str]) -> Meta:
        if self.error:
            raise OSError(30, self.error)
        self.writes += 1
        self.meta = Meta(self.meta.generation + 1, dict(values))
        return self.meta


class InlineMetaController(MetaController):
    """Without a thread, so that a fake clock sees its end."""

    inline = True


def world(port: FakeMeta) -> World:
    return World(InlineMetaController(Ports(), lambda: port), EmergencyController(Ports(), lambda: Log(2, "brain", plain=True)))


async def shown(world: World) -> dict[str, str]:
    return {found.id: found.spec.value for found in await world.store.list(MetaValue)}


async def test_what_is_there_is_shown_and_nothing_is_written() -> None:
    port = FakeMeta(upgrade="{}")
    async with world(port) as node:
        assert await shown(node) == {"upgrade": "{}"}
        status = (await node.get(MetaStatus, "meta")).spec
        assert status == MetaStatus(place="/dev/vda6", durable=True, generation=1, size=16)
        assert port.writes == 0


async def test_requests_are_written_and_outlive_their_end() -> None:
    port = FakeMeta(other="stays")
    async with world(port) as node:
        await node.put("upgrade", MetaRequest(value="trying"), owner="lifecycle")
        assert await shown(node) == {"other": "stays", "upgrade": "trying"} == port.meta.values
        assert await node.remove(MetaRequest, "upgrade", owner="lifecycle")
        assert port.meta.values["upgrade"] == "trying"
        await node.put("upgrade", MetaRequest(delete=True), owner="lifecycle")
        assert await shown(node) == {"other": "stays"}
        assert port.writes == 2


async def test_a_disk_that_cannot_be_written_is_named_and_tried_again() -> None:
    port = FakeMeta(a="1")
    port.error = "Read-only file system"
    async with world(port) as node:
        await node.put("a", MetaRequest(value="2"), owner="x")
        assert await shown(node) == {"a": "1"}
        assert "/dev/vda6 cannot be written: [Errno 30] Read-only" in (await node.get(MetaStatus, "meta")).spec.error
        port.error = ""
        await node.clock.advance(11)
        assert await shown(node) == {"a": "2"}
        assert (await node.get(MetaStatus, "meta")).spec.error == ""


async def test_a_disk_that_cannot_be_read_hides_nothing_that_was_there() -> None:
    port = FakeMeta(a="1")
    async with world(port) as node:
        port.error = "read"
        await node.put("b", MetaRequest(value="2"), owner="x")
        assert await shown(node) == {"a": "1"}
        assert "Input/output error" in (await node.status(NAME)).last_error


async def test_the_last_emergency_is_shown_and_moved(capfd: pytest.CaptureFixture[str]) -> None:
    text = '{"at": "2026-11-22T10:00:00Z", "reason": "MemoryError: out of memory"}'
    port = FakeMeta(**{"emergency": text, "emergency.last": "older"})
    async with world(port) as node:
        assert port.meta.values == {"emergency.last": text}
        notice = (await node.get(EmergencyNotice, "emergency")).spec
        assert notice == EmergencyNotice(reason="MemoryError: out of memory", at="2026-11-22T10:00:00Z")
        assert await node.ids(MetaRequest) == []
    said = 'ophite: brain: the last boot ended because PID 1 gave up reason="MemoryError: out of memory"'
    assert capfd.readouterr().err.count(said) == 1


async def test_an_emergency_in_another_form_is_shown_as_it_is() -> None:
    async with world(FakeMeta(emergency="[1]")) as node:
        assert (await node.get(EmergencyNotice, "emergency")).spec.reason == "[1]"


async def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    async with world(FakeMeta(**{"emergency": '{"reason": "no file \\udc80"}', "user.a": "\udc80"})) as node:
        assert (await node.get(EmergencyNotice, "emergency")).spec.reason == "no file ?"
        assert (await shown(node))["user.a"] == "?"


def test_a_power_cut_between_the_two_writes_loses_no_emergency() -> None:
    plan = plan_values({"emergency": "x"}, {"emergency.last": MetaRequest(value="x")}, {})
    assert plan.values == {"emergency": "x", "emergency.last": "x"}


def test_one_bad_request_does_not_stop_the_others() -> None:
    requests = {"Bad": MetaRequest(value="1"), "good": MetaRequest(value="2"), "long": MetaRequest(value="x" * MAX_PAYLOAD)}
    user = {"upgrade": MetaUserRequest(value="forged"), "user.a": MetaUserRequest(value="3")}
    plan = plan_values({}, requests, user)
    assert plan.values == {"good": "2", "user.a": "3"}
    assert [line.partition(":")[0] for line in plan.refused] == ["Bad", "long", "upgrade"]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("user.a", "", ""),
        ("user.a", "é" * (USER_VALUE // 2), ""),
        ("user.a", "é" * (USER_VALUE // 2) + "x", "longer than 4096 bytes"),
        ("user.A", "", "not a key of the form user.NAME"),
        ("upgrade", "", "not a key of the form user.NAME"),
        ("user." + "a" * 59, "", "not a key of the form user.NAME"),
    ],
)
def test_what_users_may_set(key: str, value: str, problem: str) -> None:
    found = find_user_problem({}, key, value)
    assert problem in found if problem else found == ""


def test_users_have_so_many_keys_and_leave_room_for_the_system() -> None:
    many = {f"user.{number}": "" for number in range(USER_KEYS)}
    assert find_user_problem(many, "user.0", "changed") == ""
    assert "64 keys" in find_user_problem(many, "user.more", "")
    large = {f"user.{number}": "x" * USER_VALUE for number in range((MAX_PAYLOAD - SYSTEM_ROOM) // (USER_VALUE + 20))}
    assert "together" in find_user_problem(large, "user.more", "x" * USER_VALUE)
    assert find_user_problem(many | {"upgrade": "x" * MAX_PAYLOAD}, "user.1", "1") == ""


def test_the_file_holds_the_same(tmp_path: Path) -> None:
    port = FileMeta(tmp_path / "meta.json")
    assert port.read() == Meta(0, {})
    assert port.write({"a": "1"}) == port.read() == Meta(1, {"a": "1"})
    assert port.write({"b": "2"}) == port.read() == Meta(2, {"b": "2"})
    with pytest.raises(ValueError, match="META key"):
        port.write({"B": ""})
    for text in ("", "{", "[]", '{"values": []}', '{"values": {"a": 1, "B": ""}, "generation": "x"}'):
        (tmp_path / "meta.json").write_text(text)
        assert port.read() == Meta(0, {})


def test_the_partition_counts_only_where_the_root_is_on_a_disk(tmp_path: Path) -> None:
    root = "00112233-4455-6677-8899-aabbccddeeff"
    verity = f"{root.replace('-', '')}{'0' * 32}:aa:4"
    (tmp_path / "dev").mkdir()
    disk = gpt()
    entry = UUID(META_TYPE).bytes_le + bytes(15) + b"\1" + bytes(96)
    make_disk(tmp_path / "sys/class/block", tmp_path / "dev", "vda", disk[:1280] + entry + disk[1408:])
    (tmp_path / "sys/class/block/vda/vda3").mkdir()
    (tmp_path / "sys/class/block/vda/vda3/partition").write_text("3\n")
    (tmp_path / "dev/vda3").write_bytes(bytes(1 << 20))
    write_meta(str(tmp_path / "dev/vda3"), {"a": "1"})

    def opened(kind: str) -> FileMeta | PartitionMeta:
        port = open_meta(Ports(paths=Paths(tmp_path), cmdline={"ophite.root": kind, "ophite.verity": verity}))
        assert isinstance(port, FileMeta | PartitionMeta)
        return port

    assert opened("verity").read() == Meta(1, {"a": "1"})
    assert opened("verity").durable
    assert opened("verity").write({"a": "2"}) == Meta(2, {"a": "2"})
    assert not opened("iso").durable
    assert opened("initramfs").place == str(tmp_path / "run/ophite/meta.json")
