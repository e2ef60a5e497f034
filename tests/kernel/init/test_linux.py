"""The typed system calls against the running kernel, in namespaces where they would touch the host."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controllers.machine.kernel_records import open_reader, read_records
from init.linux import loop, modules
from init.linux.kmsg import open_log
from init.linux.mount import MS_RDONLY, bind, mount, read_mounts, umount
from init.linux.processes import run_bounded

pytestmark = pytest.mark.kernel

REPOSITORY = Path(__file__).parents[3]


def run_in_namespaces(script: str, *flags: str) -> str:
    """Run Python as root of new namespaces; returns what it prints."""
    argv = ["unshare", "--mount", "--propagation", "private", *flags, sys.executable, "-I", "-S", "-c"]
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{script}"
    return subprocess.run([*argv, code], check=True, capture_output=True, text=True, timeout=30).stdout


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory at which anything that is mounted is unmounted again."""
    yield tmp_path
    for item in reversed(read_mounts()):
        if item.target.startswith(f"{tmp_path}/"):
            umount(item.target)


def test_an_erofs_image_is_mounted_over_a_loop_device(directory: Path) -> None:
    (directory / "tree").mkdir()
    (directory / "tree/hello").write_text("world")
    (directory / "root").mkdir()
    subprocess.run(["mkfs.erofs", "--quiet", directory / "root.erofs", directory / "tree"], check=True, capture_output=True)
    node = loop.attach(str(directory / "root.erofs"))
    try:
        mount(node, str(directory / "root"), "erofs", MS_RDONLY)
        assert (directory / "root/hello").read_text() == "world"
        with pytest.raises(OSError, match="Read-only"):
            (directory / "root/new").touch()
        assert next(item.fstype for item in read_mounts() if item.target == str(directory / "root")) == "erofs"
        umount(str(directory / "root"))
    finally:
        loop.detach(node)


def test_a_truncated_image_is_an_error_that_names_what_and_where(directory: Path) -> None:
    (directory / "root.erofs").write_bytes(bytes(4096))
    (directory / "root").mkdir()
    node = loop.attach(str(directory / "root.erofs"))
    try:
        with pytest.raises(OSError, match=rf"mount erofs on {directory}/root"):
            mount(node, str(directory / "root"), "erofs", MS_RDONLY)
    finally:
        loop.detach(node)


def test_a_read_only_bind_mount(directory: Path) -> None:
    for name in ("a", "b"):
        (directory / name).mkdir()
    bind(str(directory / "a"), str(directory / "b"), read_only=True)
    with pytest.raises(OSError, match="Read-only"):
        (directory / "b/x").touch()
    (directory / "a/x").touch()
    assert (directory / "b/x").exists()


def test_loopback_comes_up() -> None:
    script = "from init.linux.devices import raise_loopback\nraise_loopback()\nprint(open('/proc/net/if_inet6').read())"
    assert "00000000000000000000000000000001" in run_in_namespaces(script, "--net")


def test_mounts_are_made_shared_and_all_unmounted_in_order(tmp_path: Path) -> None:
    script = f"""
from init.linux.mount import make_shared, mount, read_mounts, unmount_all
import os
base = {str(tmp_path)!r}
mount("tmpfs", base, "tmpfs")
os.mkdir(base + "/in")
mount("tmpfs", base + "/in", "tmpfs")
busy = open(base + "/file", "w")
make_shared("/")
print(any("shared:" in line for line in open("/proc/self/mountinfo")))
unmount_all()
print([item.target for item in read_mounts() if item.target.startswith(base)])
"""
    assert run_in_namespaces(script).split("\n")[:2] == ["True", "[]"]


def test_the_root_is_switched_and_what_an_installation_needs_is_kept(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    script = f"""
import os
from init.linux.mount import mount, switch_root
old = {str(tmp_path / "old")!r}
mount("tmpfs", old, "tmpfs")
for name in ("root/run", "root/old", "run", "ophite/grub", "usr/lib"):
    os.makedirs(f"{{old}}/{{name}}")
for name in ("init", "ophite/manifest.json", "usr/lib/x"):
    open(f"{{old}}/{{name}}", "w").close()
mount("tmpfs", old + "/root", "tmpfs")
for name in ("run", "old"):
    os.mkdir(f"{{old}}/root/{{name}}")
os.chroot(old)
os.chdir("/")
mount("tmpfs", "/run", "tmpfs")
behind = os.open("/", os.O_RDONLY)
switch_root("/root", ("/run",), "/ophite", "/run/medium/ophite")
print(sorted(os.listdir("/")), sorted(os.listdir("/run/medium/ophite")), sorted(os.listdir(behind)))
"""
    assert run_in_namespaces(script).strip() == "['old', 'run'] ['grub', 'manifest.json'] ['ophite', 'root']"


def test_everything_is_ended_within_its_limit() -> None:
    script = """
import os, signal, time
from functools import partial
from init.linux.processes import end_processes, run_bounded
for handler in (signal.SIG_DFL, signal.SIG_IGN):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, handler)
        os.execv("/bin/sleep", ["sleep", "1000"])
time.sleep(0.3)
begin = time.monotonic()
print(run_bounded(partial(end_processes, 0.5), 10))
print(0.4 < time.monotonic() - begin < 5)
print(sum(name.isdecimal() for name in os.listdir("/proc")))
"""
    assert run_in_namespaces(script, "--pid", "--fork", "--mount-proc").split() == ["True", "True", "1"]


def test_an_action_that_hangs_is_given_up() -> None:
    begin = time.monotonic()
    assert not run_bounded(signal.pause, 0.2)
    assert time.monotonic() - begin < 5
    with suppress(ChildProcessError):
        os.waitpid(-1, 0)
    assert run_bounded(lambda: None, 5)

    def explode() -> None:
        raise ValueError

    assert not run_bounded(explode, 5)


def test_the_kernels_log_is_written_and_read() -> None:
    reader = open_reader(from_start=False)
    text = f"test {os.getpid()} {time.monotonic()}"
    open_log("test").warning(text, answer=42)
    wait_until(lambda: any(f"ophite: test: {text} answer=42" == record.text for record in read_records(reader)))
    os.close(reader)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_file_that_is_no_module_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "x.ko").write_bytes(b"not a module")
    with pytest.raises(OSError, match=r"finit_module .*x\.ko"):
        modules.load_file(str(tmp_path / "x.ko"))
