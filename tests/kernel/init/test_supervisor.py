"""PID 1 with real processes in real namespaces."""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.init.conftest import wait_until

pytestmark = pytest.mark.kernel

SLEEP = ["/bin/sleep", "1000000"]


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def read_if_alive(path: Path) -> bytes:
    """A file below /proc/PID, empty when the process has ended meanwhile."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_own_services_run_without_a_table(node: Any) -> None:
    assert node.wait_state("controllers", "running")["restarts"] == 0
    pid = node.wait_state("api", "running")["pid"]
    wait_until(
        lambda: node.status(pid)["Uid"].split() == ["50"] * 4 and node.status(pid)["NoNewPrivs"] == "1", "the API's user"
    )
    status = node.status(pid)
    assert status["Gid"].split() == ["50"] * 4
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == status["CapAmb"] == "0" * 16
    assert status["NoNewPrivs"] == "1"


def test_a_table_is_started_changed_and_stopped(node: Any) -> None:
    table = [{"id": "one", "argv": SLEEP}, {"id": "two", "argv": SLEEP}]
    assert sorted(node.ask(op="apply", services=table)["changed"]) == ["one", "two"]
    before = {id: node.wait_state(id, "running")["pid"] for id in ("one", "two", "controllers")}
    assert node.ask(op="apply", services=table)["changed"] == []
    changed = [{"id": "one", "argv": [*SLEEP, "1"]}, table[1]]
    assert node.ask(op="apply", services=changed)["changed"] == ["one"]
    wait_until(lambda: node.services()["one"]["pid"] not in (0, before["one"]), "one to be restarted")
    assert node.services()["two"]["pid"] == before["two"]
    assert node.ask(op="apply", services=[changed[0]])["changed"] == ["two"]
    wait_until(lambda: "two" not in node.services(), "two to leave")
    assert node.services()["controllers"]["pid"] == before["controllers"]


def test_a_service_that_is_stopped_while_it_starts_does_not_stop_the_node(node: Any) -> None:
    for _ in range(40):
        assert node.ask(op="apply", services=[{"id": "brief", "argv": SLEEP}])["ok"]
        assert node.ask(op="apply", services=[])["ok"]
        wait_until(lambda: "brief" not in node.services(), "brief to leave")
    assert node.ask(op="apply", services=[])["ok"]


def test_what_is_kept_stays(node: Any) -> None:
    node.ask(op="apply", services=[{"id": "etcd", "argv": SLEEP}])
    pid = node.wait_state("etcd", "running")["pid"]
    assert node.ask(op="apply", services=[], keep=["etcd"])["changed"] == []
    assert node.services()["etcd"]["pid"] == pid


@pytest.mark.parametrize("own", ["controllers", "api"])
def test_a_killed_own_service_is_back_within_a_second_and_nothing_else_is_touched(node: Any, own: str) -> None:
    def is_another(before: int) -> bool:
        return node.services()[own]["pid"] not in (0, before)

    node.ask(op="apply", services=[{"id": "etcd", "argv": SLEEP}])
    etcd = node.wait_state("etcd", "running")["pid"]
    for _ in range(5):
        pid = node.wait_state(own, "running")["pid"]
        killed = time.monotonic()
        os.kill(node.host_pid(pid), signal.SIGKILL)
        wait_until(partial(is_another, pid), f"{own} to be back")
        assert time.monotonic() - killed < 1.5
    assert node.services()[own]["restarts"] == 5
    assert node.services()[own]["exit"] == "killed by SIGKILL"
    assert node.services()["etcd"]["pid"] == etcd


def test_orphans_are_reaped(node: Any) -> None:
    node.ask(op="apply", services=[{"id": "parent", "argv": shell("for i in 1 2 3 4 5; do (sleep 0.1 & ) ; done; sleep 1000")}])
    node.wait_state("parent", "running")
    wait_until(lambda: len(node.inside()) == 5, "the orphans to be gone")  # PID 1, two own services, shell, its sleep
    states = [read_if_alive(path / "stat").rpartition(b")")[2].split()[:1] for path in node.inside()]
    assert [b"Z"] not in states


def test_user_capabilities_limits_and_groups(node: Any) -> None:
    spec = {
        "id": "etcd",
        "argv": SLEEP,
        "uid": 60,
        "gid": 61,
        "groups": [62, 63],
        "capabilities": ["CAP_NET_BIND_SERVICE"],
        "no_new_privs": True,
        "nofile": 512,
        "oom_score_adj": 300,
        "workdir": "/usr",
        "env": {"A": "b"},
        "memory_max": 64 << 20,
    }
    assert node.ask(op="apply", services=[spec])["ok"]
    pid = node.wait_state("etcd", "running")["pid"]
    wait_until(lambda: node.status(pid)["Name"] == "sleep", "exec")
    status, outside = node.status(pid), node.host_pid(pid)
    assert status["Uid"].split() == ["60"] * 4
    assert status["Groups"].split() == ["62", "63"]
    assert {status[key] for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {f"{1 << 10:016x}"}
    proc = Path(f"/proc/{outside}")
    limits = (proc / "limits").read_text().splitlines()
    assert next(line.split()[3:5] for line in limits if line.startswith("Max open files")) == ["512", "512"]
    assert (proc / "oom_score_adj").read_text() == "300\n"
    assert (proc / "environ").read_text() == "A=b\0"
    assert all(line.endswith("/ophite/etcd") for line in (proc / "cgroup").read_text().splitlines())
    assert (proc / "cwd").readlink() == Path("/usr")
    assert os.getsid(outside) == outside
    assert sorted(path.name for path in (proc / "fd").iterdir()) == ["0", "1", "2"]


def test_a_failing_service_backs_off_and_its_log_says_why(node: Any) -> None:
    node.ask(
        op="apply", services=[{"id": "bad", "argv": ["/nowhere"]}, {"id": "once", "argv": ["/bin/true"], "restart": "never"}]
    )
    assert node.wait_state("once", "finished")["exit"] == "exit status 0"
    wait_until(lambda: node.services()["bad"]["restarts"] >= 2, "restarts")
    assert node.wait_state("bad", "backoff")["exit"] == "exit status 127"
    client = node.client()
    assert client.ask(op="logs", id="bad", follow=False) == {"ok": True}
    assert b"cannot start /nowhere: [Errno 2]" in client.socket.recv(65536)


def test_logs_follow_and_end_with_the_service(node: Any) -> None:
    fifo = node.inner("/tmp/go")
    os.mkfifo(fifo)
    node.ask(op="apply", services=[{"id": "talk", "argv": shell("echo first; read x < /tmp/go; echo second; sleep 1000")}])
    node.wait_state("talk", "running")
    client = node.client()
    assert client.ask(op="logs", id="talk", follow=True) == {"ok": True}
    text = b""
    while b"first\n" not in text:
        text += client.socket.recv(65536)
    fifo.write_text("x\n")
    while b"second\n" not in text:
        text += client.socket.recv(65536)
    node.ask(op="apply", services=[])
    assert client.socket.recv(65536) == b""
    assert text == b"first\nsecond\n"


def test_stop_goes_in_reverse_order_of_need_and_insists(node: Any) -> None:
    stubborn = shell("trap '' TERM; while :; do sleep 0.1; done")
    table = [
        {"id": "containerd", "argv": SLEEP},
        {"id": "kubelet", "argv": stubborn, "needs": ["containerd"], "stop_timeout": 0.3},
    ]
    node.ask(op="apply", services=table)
    node.wait_state("kubelet", "running")
    watcher = node.client()
    watcher.ask(op="watch")
    assert node.ask(op="apply", services=[])["ok"]
    packets = [watcher.receive() for _ in range(4)]
    seen = [(packet["service"]["id"], packet["service"]["state"]) for packet in packets]
    order = ["kubelet", "kubelet", "containerd", "containerd"]
    assert seen == list(zip(order, ["stopping", "finished"] * 2, strict=True))


def test_leaving_takes_the_group_along_and_a_restart_does_not(node: Any) -> None:
    table = [{"id": "containerd", "argv": shell("setsid sleep 4242 & sleep 1000")}]
    node.ask(op="apply", services=table)
    pid = node.wait_state("containerd", "running")["pid"]

    def shims() -> int:
        commands = [read_if_alive(path / "cmdline") for path in node.inside()]
        return sum(b"4242" in command and b"sh" not in command for command in commands)

    wait_until(lambda: shims() == 1, "the shim")
    node.ask(op="restart", id="containerd")
    wait_until(lambda: node.services()["containerd"]["pid"] not in (0, pid), "the restart")
    wait_until(lambda: shims() == 2, "the second shim, with the first still there")
    node.ask(op="apply", services=[])
    wait_until(lambda: shims() == 0, "the shims to be killed")


@pytest.mark.parametrize(("action", "number"), [("poweroff", signal.SIGINT), ("reboot", signal.SIGHUP)])
def test_power_ends_the_namespace(node: Any, action: str, number: int) -> None:
    watcher = node.client()
    watcher.ask(op="watch", drain=True)
    assert node.ask(op="power", action=action) == {"ok": True}
    assert watcher.receive() == {"event": "shutdown", "action": action, "step": "drain", "limit": 30.0}
    refused = node.ask(op="apply", services=[])
    assert not refused["ok"]
    assert "shutting down" in refused["error"]
    assert node.services()["api"]["state"] == "running"  # it waits for who drains
    assert node.ask(op="drained") == {"ok": True}
    assert watcher.receive()["step"] == "stop services"
    assert node.process.wait(20) == -number
    log = node.log.read_text()
    steps = [line.partition("step=")[2].partition(" limit=")[0] for line in log.splitlines() if "shutdown: step" in line]
    assert steps == ["drain", '"stop services"', '"end every process"']


def test_a_reboot_with_an_argument_ends_the_namespace_too(node: Any) -> None:
    assert node.ask(op="power", action="reboot", argument="0 tryboot") == {"ok": True}
    assert node.process.wait(40) == -signal.SIGHUP
    assert 'shutdown: the end action=reboot argument="0 tryboot"' in node.log.read_text()


STUBBORN = {"id": "stubborn", "argv": shell("trap '' TERM; echo deaf; while :; do sleep 0.1; done"), "stop_timeout": 3600}


def test_a_shutdown_that_hangs_is_forced_by_a_second_request(node: Any) -> None:
    node.ask(op="apply", services=[STUBBORN])
    client = node.client()
    assert client.ask(op="logs", id="stubborn", follow=True) == {"ok": True}
    assert client.socket.recv(65536) == b"deaf\n"
    assert node.ask(op="power", action="poweroff") == {"ok": True}
    wait_until(lambda: "api" not in node.services(), "the others to leave")
    assert node.ask(op="power", action="poweroff") == {"ok": True}
    assert node.services()["stubborn"]["state"] == "stopping"
    assert node.ask(op="power", action="reboot", force=True) == {"ok": True}
    assert node.process.wait(20) == -signal.SIGHUP
    assert "shutdown is forced" in node.log.read_text()


@pytest.mark.parametrize(
    ("script", "limit", "said"),
    [
        ("echo it runs $$ of $1; ls /proc | grep -c '^[0-9]'", 20, "it runs"),
        ("echo it fails; exit 3", 20, 'given up step="last program"'),
        ("echo it hangs; trap '' TERM; while :; do sleep 0.1; done", 0.5, 'given up step="last program"'),
    ],
)
def test_a_last_program_runs_when_nothing_else_does_and_power_follows(node: Any, script: str, limit: float, said: str) -> None:
    node.ask(op="apply", services=[{"id": "etcd", "argv": SLEEP}])
    node.wait_state("etcd", "running")
    last = {"argv": [*shell(script), "sh", "vda"], "limit": limit}
    assert node.ask(op="power", action="poweroff", last=last) == {"ok": True}
    assert node.process.wait(20) == -signal.SIGINT
    log = node.log.read_text()
    assert said in log
    assert log.index('step="end every process"') < log.index('step="last program"') < log.index("\nit ")
    if "runs" in script:
        assert "of vda\n4\n" in log  # PID 1, the shell, ls and grep: nothing else is left


def test_pid_1_that_cannot_go_on_ends_what_runs_says_why_and_reboots(node: Any) -> None:
    node.ask(op="apply", services=[{"id": "etcd", "argv": SLEEP}])
    node.wait_state("etcd", "running")
    node.inner("/run/ophite/break").touch()
    node.client().send(op="list")  # the loop turns once more
    assert node.process.wait(40) == -signal.SIGHUP
    log = node.log.read_text()
    assert 'reason="MemoryError: a test broke it" then=reboot' in log
    assert log.index('step="end every process"') < log.index("PID 1 cannot go on") < log.index("reboot seconds=5")


def test_sigterm_is_power_off(node: Any) -> None:
    os.kill(node.init, signal.SIGTERM)
    assert node.process.wait(20) == -signal.SIGINT


def test_bad_requests_are_refused_with_path_and_hint(node: Any) -> None:
    answer = node.ask(op="apply", services=[{"id": "x", "argv": ["sleep"], "cpu": 1}])
    assert answer == {
        "ok": False,
        "error": "services[0].cpu: unknown field; "
        "services[0].argv: not a list of 1 to 512 strings without NUL, the first an absolute path",
        "hint": "fix the specification: nothing of this table was applied",
    }
    client = node.client()
    client.socket.send(b"{" * 5000)
    assert not client.receive()["ok"]
    assert not client.ask(op="explode")["ok"]
    assert not client.ask(op="logs", id="nobody")["ok"]
    assert not client.ask(op="power", action="explode")["ok"]
    assert client.ask(op="list")["ok"]
    client.socket.setsockopt(1, 7, 1 << 20)
    client.socket.send(b"x" * 150000)
    assert "longer than" in client.receive()["error"]


def test_a_reader_that_sleeps_loses_output_and_is_told(node: Any) -> None:
    fifo = node.inner("/tmp/go")
    os.mkfifo(fifo)
    script = "read x < /tmp/go; yes | head -c 4000000; echo done; sleep 1000"
    node.ask(op="apply", services=[{"id": "loud", "argv": shell(script)}])
    node.wait_state("loud", "running")
    client = node.client()
    assert client.ask(op="logs", id="loud", follow=True) == {"ok": True}
    fifo.write_text("x\n")

    def is_done() -> bool:
        other = node.client()
        other.ask(op="logs", id="loud", follow=False, tail_bytes=5)
        data: bytes = other.socket.recv(100)
        other.close()
        return data == b"done\n"

    wait_until(is_done, "the output")
    text = b""
    while not text.endswith(b"done\n"):
        text += client.socket.recv(65536)
    assert b"bytes of output were lost here]\n" in text
    assert len(text) < 2_500_000


def test_resident_memory_is_small(node: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.wait_state("api", "running")
    status = Path(f"/proc/{node.init}/status").read_text().splitlines()
    kilobytes = int(next(line.split()[1] for line in status if line.startswith("VmRSS:")))
    with capsys.disabled():
        sys.stdout.write(f"\nresident memory of PID 1: {kilobytes / 1024:.1f} MiB\n")
    assert kilobytes < 32 * 1024
