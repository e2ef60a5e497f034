"""Asking for an installation."""

from dataclasses import replace
from typing import Any

import pytest

from controllers.machine.operations import install
from controllers.resources.install import InstallPhase, InstallRequest, InstallStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new


async def test_each_request_is_another_one(table: Any) -> None:
    first = await table.call("install", disk="/dev/sda", wipe=True)
    found = (await table.store.get(InstallRequest, "install")).spec
    assert found == InstallRequest(disk="/dev/sda", wipe=True, requested=first)
    await table.clock.advance(5.0)
    assert await table.call("install") > first
    assert (await table.store.get(InstallRequest, "install")).spec.disk == ""


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"disk": "sda"}, "'sda' is no disk"),
        ({"disk": "/dev/" + "x" * 400}, "is no disk"),
        ({"image": "http://example.com/x"}, "is no https URL"),
        ({"image": "https://exa mple.com/x"}, "is no https URL"),
    ],
)
async def test_nonsense_is_refused(table: Any, params: dict[str, str], text: str) -> None:
    with pytest.raises(OperationError, match=text):
        await table.call("install", **params)


async def test_a_node_that_runs_from_its_disk_refuses(table: Any) -> None:
    ports = replace(table.ports, cmdline={"ophite.root": "verity"})
    [method] = install.methods(table.store, ports)
    answer: Any = method.handler  # with a caller, as the wire does
    with pytest.raises(OperationError, match="runs from its disk"):
        await answer({}, None)


@pytest.mark.parametrize("phase", [InstallPhase.RUNNING, InstallPhase.INSTALLED])
async def test_one_at_a_time(table: Any, phase: InstallPhase) -> None:
    await table.store.create(new("install", InstallStatus(phase=phase, step="write the root image")))
    with pytest.raises(OperationError, match="under way: write the root image"):
        await table.call("install")


async def test_a_failed_one_may_be_tried_again(table: Any) -> None:
    await table.store.create(new("install", InstallStatus(phase=InstallPhase.FAILED)))
    await table.call("install")
