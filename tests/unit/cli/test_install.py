"""`ophite install` against a real server in this process."""

import asyncio
from typing import Any

from controllers.resources.install import InstallPhase, InstallRequest, InstallStatus
from controllers.runtime.resource import new
from tests.harness.api_node import PATIENCE, FakeNode


async def answer(node: FakeNode, phase: InstallPhase, message: str) -> None:
    """Be the installer: answer the first request."""
    async with asyncio.timeout(PATIENCE):
        async for event in node.store.watch(InstallRequest):
            if event.resource is not None:
                requested = event.resource.spec.requested
                break
    await node.store.create(new("install", InstallStatus(phase=phase, message=message, requested=requested)))


async def test_it_follows_to_the_end(secure: FakeNode, ophite: Any) -> None:
    installer = asyncio.create_task(answer(secure, InstallPhase.INSTALLED, "Ophite 1.2.3 is installed on /dev/sda"))
    result = await ophite("install", "--disk", "/dev/sda", "--wipe")
    await installer
    assert result.exit_code == 0
    assert "Ophite 1.2.3 is installed on /dev/sda" in result.stdout
    request = (await secure.store.get(InstallRequest, "install")).spec
    assert (request.disk, request.wipe, request.image) == ("/dev/sda", True, "")


async def test_it_fails_with_the_reason(secure: FakeNode, ophite: Any) -> None:
    installer = asyncio.create_task(answer(secure, InstallPhase.FAILED, "/dev/sda holds an MBR"))
    result = await ophite("install")
    await installer
    assert result.exit_code == 1
    assert "/dev/sda holds an MBR" in result.stderr


async def test_it_need_not_wait(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("install", "--no-wait")
    assert result.exit_code == 0
    assert "watch it" in result.stdout


async def test_a_bad_disk_is_refused_with_a_hint(secure: FakeNode, ophite: Any) -> None:
    result = await ophite("install", "--disk", "sda")
    assert result.exit_code == 1
    assert "a path such as /dev/sda" in result.stderr
