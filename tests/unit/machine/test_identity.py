"""The node's identity: one per installation, on STATE."""

import json
from pathlib import Path
from typing import Any

import pytest

from controllers.machine.identity import IdentityController, derive_identity, parse_identity, render_identity
from controllers.ports import Paths, Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import ConfigStatus, FileSpec, NodeIdentity, PlatformInfo
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

COMPLETE = new("config", ConfigStatus(complete=True))
PATH = "/run/ophite/etc/machine-id"


def boot(name: str) -> Resource[PlatformInfo]:
    return new("platform", PlatformInfo(platform="metal", boot_id=name))


def state(phase: VolumePhase) -> Resource[VolumeStatus]:
    return new("STATE", VolumeStatus(phase=phase))


def identify(root: Path, *given: Resource[Any], own: NodeIdentity | None = None) -> NodeIdentity:
    (root / "state").mkdir(exist_ok=True)
    controller = IdentityController(Ports(paths=Paths(root)))
    wanted = {one.id: one.spec for one in run_reconcile(controller, given, own=[new("node", own)] if own else [])}
    identity, file = wanted["node"], wanted[PATH]
    assert isinstance(identity, NodeIdentity)
    assert isinstance(file, FileSpec)
    assert file.content == identity.machine_id + "\n"
    return identity


def test_it_waits_for_a_definite_answer_about_state(tmp_path: Path) -> None:
    with pytest.raises(Waiting, match="the volume STATE"):
        identify(tmp_path, state(VolumePhase.WAITING), boot("a"))


def test_before_the_configuration_it_is_this_boots_and_state_is_not_written(tmp_path: Path) -> None:
    for phase in (VolumePhase.MISSING, VolumePhase.READY):
        assert identify(tmp_path, state(phase), boot("a")) == derive_identity("a")
    assert list((tmp_path / "state").iterdir()) == []


def test_the_first_one_is_kept_for_ever(tmp_path: Path) -> None:
    first = identify(tmp_path, state(VolumePhase.MISSING), boot("a"))
    kept = identify(tmp_path, state(VolumePhase.READY), COMPLETE, boot("a"), own=first)
    assert kept == first, "it does not change while the machine runs"
    assert [one.name for one in (tmp_path / "state").iterdir()] == ["identity.json"]
    assert identify(tmp_path, state(VolumePhase.READY), boot("b")) == first


def test_a_damaged_file_is_named_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/identity.json").write_text("{}")
    with pytest.raises(Waiting, match=r"identity\.json to be repaired or removed"):
        identify(tmp_path, state(VolumePhase.READY), COMPLETE, boot("a"))
    assert (tmp_path / "state/identity.json").read_text() == "{}"


def test_rendering_and_parsing_are_inverse_and_ids_have_their_form() -> None:
    identity = derive_identity("a")
    assert parse_identity(render_identity(identity)) == identity
    assert len(identity.machine_id) == 32
    assert identity.machine_id[12] == "4", "machine-id(5): a version 4 UUID"
    assert identity.machine_id != identity.node_id
    assert derive_identity("b") != identity


@pytest.mark.parametrize(
    "bad", ["[]", "{", '{"node_id": 1, "machine_id": 2}', json.dumps({"node_id": "x" * 32, "machine_id": "a" * 32})]
)
def test_what_is_no_identity_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_identity(bad.encode())
