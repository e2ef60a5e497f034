"""The end of a reset by the real PID 1 and the real program: in time, with a busy mount and a service that ignores SIGTERM."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controllers.block.wipe_plan import Target, WipePlan, order_steps, render_plan
from controllers.services.supervisor import Supervisor
from tests.kernel.init.conftest import REPOSITORY

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SIZE = 48 * MIB
PATTERN = b"what nobody may read"
PLAN = "/run/ophite/reset.json"
STUBBORN = """
mkdir -p /run/busy
mount DEVICE /run/busy
exec 3<> /run/busy/file
trap '' TERM
echo stubborn
while :; do sleep 0.2; echo more >&3; done
"""


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """A file system with a file full of a pattern, on a loop device."""
    image = tmp_path / "volume.img"
    with image.open("wb") as file:
        file.truncate(SIZE)
    content = tmp_path / "content"
    content.mkdir()
    (content / "file").write_bytes(PATTERN * (8 * MIB // len(PATTERN)))
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(content), str(image)], check=True)
    assert PATTERN in image.read_bytes()
    done = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
    loop = done.stdout.strip()
    yield loop
    with suppress(subprocess.CalledProcessError):
        subprocess.run(["losetup", "--detach", loop], check=True)


def read(device: str) -> bytes:
    subprocess.run(["blockdev", "--flushbufs", device], check=True)
    return Path(device).read_bytes()


@pytest.mark.parametrize(("action", "ended"), [("poweroff", signal.SIGINT), ("reboot", signal.SIGHUP)])
def test_nothing_is_left_and_power_follows(node: Any, device: str, action: str, ended: int) -> None:
    argv = ["/bin/sh", "-c", STUBBORN.replace("DEVICE", device)]
    node.ask(op="apply", services=[{"id": "stubborn", "argv": argv, "stop_timeout": 1.0}])
    node.wait_state("stubborn", "running")
    wait_for_mount(node, device)
    plan = WipePlan(order_steps([Target(device, SIZE, "EPHEMERAL")]), 60.0)
    node.inner(PLAN).write_text(render_plan(plan))
    program = str(REPOSITORY / "controllers/block/wipe_main.py")
    began = time.monotonic()
    asyncio.run(Supervisor(node.control).power(action, ("/usr/bin/python3", "-I", "-S", program, PLAN), plan.limit))
    assert node.process.wait(40) == -ended
    assert time.monotonic() - began < 30
    log = node.log.read_text()
    assert f"reset: done: {SIZE} of {SIZE} bytes overwritten\n" in log
    assert PATTERN not in read(device)


def wait_for_mount(node: Any, device: str) -> None:
    """Wait until the service has mounted the device where only it and PID 1 see it."""
    end = time.monotonic() + 20
    while f" {device} " not in node.inner("/proc/1/mountinfo").read_text():
        assert time.monotonic() < end, node.log.read_text()
        time.sleep(0.05)
    assert not os.path.ismount("/run/busy")
