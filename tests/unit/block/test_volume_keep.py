"""Volumes that are in use: marked, grown, their keys set, and closed when nobody wants them any more."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from controllers.block import gpt
from controllers.block.disk_state import Content
from controllers.block.luks_keys import LuksError
from controllers.block.superblocks import Superblock
from controllers.block.volume_steps import MIB, GrowFilesystem, Unmount
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey, StaticKey
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.resources.block import VolumePhase
from controllers.runtime.resource import new
from tests.harness.volumes import KEYS, ON_SYSTEM, Machine, limited, user


@pytest.fixture(autouse=True)
def phases_in_order(caplog: pytest.LogCaptureFixture) -> Any:
    """No test may take a volume through phases in an order that the table does not allow."""
    with caplog.at_level(logging.ERROR, "block"):
        yield
    assert [record.__dict__ for record in caplog.records if record.name == "block"] == []


async def test_a_brain_killed_before_the_mark_makes_up_for_it() -> None:
    machine = Machine()
    machine.fake.failing = {}
    await machine.settle()
    table = machine.fake.tables["/dev/vda"]
    state = table.find("STATE")
    assert state is not None
    machine.fake.tables["/dev/vda"] = table.with_partition(replace(state, attributes=gpt.ATTRIBUTE_PROVISIONING))
    machine.restart()
    await machine.step()
    marked = machine.fake.tables["/dev/vda"].find("STATE")
    assert marked is not None
    assert marked.attributes == gpt.ATTRIBUTE_COMPLETE


async def test_a_removed_document_closes_its_volume_and_keeps_its_data() -> None:
    machine = Machine(
        user(encryption=KEYS),
        new("ceph", RawVolumeConfig(name="ceph", disk=ON_SYSTEM, max_size="1GiB")),
        new("one", SwapVolumeConfig(name="one", disk=ON_SYSTEM, max_size="256MiB")),
        limited(),
    )
    await machine.settle()
    tables = dict(machine.fake.tables)
    documents, machine.documents, machine.fake.done = machine.documents, [machine.documents[-1]], []
    found = await machine.settle()
    assert {label: found[label].phase for label in ("u-data", "s-one", "r-ceph")} == dict.fromkeys(
        ("u-data", "s-one", "r-ceph"), VolumePhase.CLOSED
    )
    assert sorted(machine.fake.done) == ["LuksClose", "SwapOff", "Unmount"]
    assert machine.fake.tables == tables
    assert "its data stay" in found["u-data"].error
    machine.documents, machine.fake.done = documents, []
    found = await machine.settle()
    assert {one.phase for one in found.values()} == {VolumePhase.READY}
    assert "Format" not in machine.fake.done
    assert "LuksFormat" not in machine.fake.done


async def test_what_is_busy_stays_and_says_so() -> None:
    machine = Machine(user())
    await machine.settle()
    machine.documents = []
    machine.fake.failing = {Unmount: OSError(16, "umount2 /var/mnt/data: Device or resource busy")}
    found = await machine.settle()
    assert found["u-data"].phase is VolumePhase.FAILED
    assert "busy; stop what uses it" in found["u-data"].error
    machine.fake.failing = {}
    assert (await machine.settle())["u-data"].phase is VolumePhase.CLOSED


async def test_a_new_life_of_the_brain_closes_only_what_stays_unwanted() -> None:
    machine = Machine(user())
    await machine.settle()
    machine.documents = []
    machine.restart()
    assert "u-data" not in await machine.step(now=1000.0)
    assert "/var/mnt/data" in machine.fake.targets(), "its document may still be on the way"
    found = await machine.step(now=1031.0)
    assert found["u-data"].phase is VolumePhase.CLOSED
    assert "/var/mnt/data" not in machine.fake.targets()


async def test_encrypted_volumes_and_their_keys() -> None:
    machine = Machine(user(encryption=KEYS))
    found = await machine.settle()
    assert machine.fake.targets()["/var/mnt/data"] == "/dev/mapper/luks-u-data"
    assert found["u-data"].encrypted
    made = machine.fake.done[-8:]
    assert made == ["LuksClose", "Clear", "LuksFormat", "LuksOpen", "LuksSync 0", "Format", "Mount", "WriteTable"]
    await machine.settle()
    assert machine.fake.done[-8:] == made, "keys that have not changed are left alone"
    both = Encryption(keys=(*KEYS.keys, EncryptionKey(slot=1, static=StaticKey(passphrase="a passphrase"))))
    machine.documents = [user(encryption=both)]
    await machine.settle()
    assert machine.fake.done[-1] == "LuksSync 0,1"
    machine.restart()
    await machine.settle()
    assert machine.fake.done[-2:] == ["LuksSync 0,1"] * 2, "once per life of the brain: it may have died before"


async def test_keys_are_set_once_after_every_boot() -> None:
    machine = Machine(new("EPHEMERAL", VolumeConfig(name="EPHEMERAL", encryption=KEYS)))
    await machine.settle()
    machine.fake.used, machine.fake.opened, machine.fake.done = [], set(), []
    machine.restart()
    await machine.settle()
    await machine.settle()
    assert machine.fake.done == ["Mount", "LuksOpen", "Mount", "GrowFilesystem", "LuksSync 0"]


async def test_without_the_key_nothing_is_mounted_and_the_status_says_why() -> None:
    machine = Machine(user(encryption=KEYS))
    await machine.settle()
    machine.fake.used, machine.fake.opened = [], set()
    machine.fake.failing = {"LuksOpen": LuksError("none of the configured keys opens it")}
    machine.restart()
    found = await machine.settle()
    assert found["u-data"].phase is VolumePhase.FAILED
    assert "none of the configured keys opens it" in found["u-data"].error
    assert set(machine.fake.targets()) == {"/state", "/var"}


async def test_keys_that_cannot_be_set_are_tried_again_and_the_volume_stays_in_use() -> None:
    machine = Machine(user(encryption=KEYS))
    await machine.settle()
    machine.fake.failing = {"LuksSync": LuksError("no slot is free")}
    machine.documents = [user(encryption=Encryption(keys=(EncryptionKey(slot=3, node_id=NodeIDKey()),)))]
    found = await machine.settle(now=3000.0)
    assert (found["u-data"].phase, "no slot is free" in found["u-data"].error) == (VolumePhase.READY, True)
    machine.fake.failing, machine.fake.done = {}, []
    await machine.step(now=3059.0)
    assert machine.fake.done == [], "not at every look"
    found = await machine.step(now=3061.0)
    assert (machine.fake.done, found["u-data"].error) == (["LuksSync 3"], "")


async def test_a_volume_that_cannot_grow_still_works() -> None:
    machine = Machine()
    await machine.settle()
    machine.fake.used = []
    machine.fake.contents["/dev/vda1"] = Content(Superblock("ext4", "STATE", "", 32 * MIB))
    machine.fake.failing = {GrowFilesystem: PermissionError(1, "Operation not permitted")}
    machine.restart()
    found = await machine.settle()
    assert found["STATE"].phase is VolumePhase.READY
    assert "Operation not permitted" in found["STATE"].error
