"""`ophite upgrade` and `rollback` against a real server: the upload, what is shown, and the exit status."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.cli.upgrading import GONE, NotUpgraded, check_upgraded, describe_end, describe_step
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.errors import BundleError
from controllers.machine.operations import lifecycle
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.runtime.resource import new, replace
from tests.harness.api_node import FakeNode
from tests.unit.lifecycle.test_upload import MANIFEST


class FakeSpool:
    """Takes what comes, unless it begins with `bad`."""

    received: list[bytes] = []

    def __init__(self) -> None:
        FakeSpool.received = []

    def write(self, data: bytes) -> None:
        if data.startswith(b"bad"):
            raise BundleError("the bundle's signature is by none of the keys", "sign it")
        FakeSpool.received.append(data)

    def finish(self) -> Bundle:
        return Bundle(Path("/bundle"), MANIFEST, "identity")

    def abort(self) -> None:
        FakeSpool.received = []


@pytest.fixture(autouse=True)
def spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "make_receive", lambda ports, version, running_hash: FakeSpool)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ophite.bundle"
    path.write_bytes(b"x" * (2 << 20) + b"end")
    return path


@pytest.fixture
def bad_bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bad.bundle"
    path.write_bytes(b"bad")
    return path


async def carry_out(node: FakeNode, *phases: tuple[UpgradePhase, str]) -> None:
    """Be the controller: show these phases for the request, once it is there."""
    while (request := await node.store.find(UpgradeRequest, UPGRADE)) is None:  # noqa: ASYNC110 - the test's own limit ends it
        await asyncio.sleep(0.01)
    for phase, step in phases:
        error = f"reason {step}" if phase.final and phase is not UpgradePhase.COMMITTED else ""
        status = UpgradeStatus(
            phase=phase, request=request.spec.request, step=step, from_version="1", to_version="2", error=error, progress=1.0
        )
        found = await node.store.find(UpgradeStatus, UPGRADE)
        if found is None:
            await node.store.create(new(UPGRADE, status))
        else:
            await node.store.update(replace(found, status))


async def test_a_file_is_uploaded_in_pieces_and_the_request_names_it(secure: FakeNode, ophite: Any, bundle: Path) -> None:
    result = await ophite("upgrade", "--image", str(bundle), "--force", "--window", "90s", "--no-wait")
    assert (result.exit_code, "has begun" in result.output) == (0, True)
    assert [len(piece) for piece in FakeSpool.received] == [1 << 20, 1 << 20, 3]
    request = (await secure.store.get(UpgradeRequest, UPGRADE)).spec
    assert (request.source, request.bundle, request.force, request.window) == ("uploaded", "identity", True, 90.0)


async def test_success_is_status_0(secure: FakeNode, ophite: Any) -> None:
    task = asyncio.create_task(carry_out(secure, (UpgradePhase.COMMITTED, "committed")))
    result = await ophite("upgrade", "--image", "https://h/b")
    await task
    assert (result.exit_code, "runs the new version" in result.output) == (0, True)


async def test_rolled_back_is_status_1_with_version_step_and_reason(secure: FakeNode, ophite: Any) -> None:
    task = asyncio.create_task(carry_out(secure, (UpgradePhase.ROLLED_BACK, "network")))
    result = await ophite("upgrade", "--image", "oci://h/b:2")
    await task
    assert result.exit_code == 1
    assert "error: 2 failed at network and 1 runs again: reason network" in result.output


async def test_a_bundle_that_is_refused_is_said_at_once(secure: FakeNode, ophite: Any, bad_bundle: Path) -> None:
    result = await ophite("upgrade", "--image", str(bad_bundle))
    assert result.exit_code == 1
    assert "by none of the keys" in result.output
    assert "hint: sign it" in result.output
    assert await secure.store.find(UpgradeRequest, UPGRADE) is None


@pytest.mark.parametrize(("image", "status"), [("nope.bundle", 1), ("http://h/b", 2), ("ftp://h/b", 2)])
async def test_images_that_are_none(secure: FakeNode, ophite: Any, image: str, status: int) -> None:
    result = await ophite("upgrade", "--image", image)
    assert result.exit_code == status
    assert image in result.output


async def test_rollback(secure: FakeNode, ophite: Any) -> None:
    task = asyncio.create_task(carry_out(secure, (UpgradePhase.FAILED, "checking")))
    result = await ophite("rollback")
    await task
    assert result.exit_code == 1
    assert "ended at checking: reason checking" in result.output
    assert (await secure.store.get(UpgradeRequest, UPGRADE)).spec.source == "rollback"


async def test_stage_ends_when_it_is_prepared(secure: FakeNode, ophite: Any) -> None:
    task = asyncio.create_task(carry_out(secure, (UpgradePhase.ARMED, "waits for the next reboot")))
    result = await ophite("rollback", "--stage")
    await task
    assert (result.exit_code, "the next reboot tries it" in result.output) == (0, True)


def test_lines() -> None:
    status = {"phase": "writing", "step": "root image", "progress": 0.5}
    assert describe_step(status) == "writing: root image 50%"
    assert describe_step({"phase": "verifying", "step": "", "progress": 0.0}) == "verifying: …"
    assert describe_end({"phase": "failed"}) == "the upgrade ended at an unknown step: no reason given"


@pytest.mark.parametrize("status", [None, {"request": "other", "phase": "writing"}, {"request": "", "phase": "failed"}])
def test_a_node_that_has_forgotten_the_upgrade_ends_the_wait(monkeypatch: pytest.MonkeyPatch, status: Any) -> None:
    monkeypatch.setattr("api.cli.upgrading.find_spec", lambda node, type_, id_: status)
    check = check_upgraded(None, "mine", staged=False)  # type: ignore[arg-type]  # the fake above asks no node
    assert {check() for _ in range(GONE)} == {"the node has not begun yet"}
    with pytest.raises(NotUpgraded, match="does not know of this upgrade"):
        check()
