"""One service as a process: start, stop, exit, start again; its output goes into a ring.

A restart touches only the main process: containerd's shims live in its group and must survive. A service that leaves for good
takes its group with it. PID 1 reaps in one place, so a pid stays valid until `exited` is called and needs no pidfd.
"""

import os
import signal
from _blake2 import blake2b
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from init.events import READ, EventLoop, Timer
from init.linux.caps import change_user, set_no_new_privs
from init.linux.cgroup import Limits, Tree
from init.linux.processes import raise_nofile, signal_name, spawn
from init.rings import Ring
from init.services import HEALTHY_AFTER, OWN_SERVICES, TRANSITIONS, ServiceSpec, State, after_exit, backoff

READ_SIZE = 65536
KILL_AGAIN = 2.0  # seconds between SIGKILLs of a group that does not end


class Service:
    """A running, stopping or waiting service; `changed` is called with it after every change of state."""

    def __init__(
        self, spec: ServiceSpec, loop: EventLoop, tree: Tree, patience: int, changed: Callable[["Service"], None]
    ) -> None:
        self.spec, self.ring, self.leaving = spec, Ring(), False
        self.state, self.pid, self.restarts, self.exit, self.since = State.STARTING, 0, 0, "", loop.clock()
        self.on_output: list[Callable[[], None]] = []
        self._loop, self._tree, self._patience, self._changed = loop, tree, patience, changed
        self._failures, self._timer = 0, Timer(lambda: None)
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self._writer, True)
        loop.watch(self._reader, READ, self._read_output)

    def start(self) -> None:
        """Fork and exec; a failure to do so counts as an exit."""
        self._enter(State.STARTING)
        limits = Limits(self.spec.memory_min, self.spec.memory_low, self.spec.memory_max, self.spec.cpu_weight)
        try:
            for problem in self._tree.make(self.spec.cgroup, limits):
                self._loop.log.warning("control group", service=self.spec.id, problem=problem)
            self.pid = spawn(self.spec.argv, dict(self.spec.env), self._writer, partial(become, self.spec, self._tree))
        except OSError as error:
            self._ended(f"cannot start: {error}", success=False)
        else:
            self._enter(State.RUNNING)

    def stop(self, *, leaving: bool) -> None:
        """Ask it to end, and insist after `stop_timeout`; with `leaving` it does not come back."""
        self.leaving = self.leaving or leaving
        if self.state is State.STOPPING:
            return
        self._timer.cancel()
        if self.pid:
            self._enter(State.STOPPING)
            self._signal(signal.SIGTERM)
            self._timer = self._loop.later(self.spec.stop_timeout * self._patience, self._insist)
        elif leaving:
            self._enter(State.FINISHED)
        else:
            self.start()

    def exited(self, status: int) -> None:
        """Take note of the wait status of its process."""
        self._timer.cancel()
        self._read_output()
        code = os.waitstatus_to_exitcode(status)
        self.pid = 0
        self._ended(f"exit status {code}" if code >= 0 else f"killed by {signal_name(-code)}", success=code == 0)

    def close(self) -> None:
        """Let go of the output and the group of a service that has left."""
        self._loop.forget(self._reader)
        os.close(self._reader)
        os.close(self._writer)
        self._tree.remove(self.spec.cgroup)

    def describe(self) -> dict[str, object]:
        """`ServiceState` of the control socket."""
        fields = {"id": self.spec.id, "state": self.state.value, "pid": self.pid, "restarts": self.restarts}
        spec_hash = blake2b(repr(self.spec).encode(), digest_size=8).hexdigest()
        return {**fields, "since": self.since, "exit": self.exit, "spec_hash": spec_hash}

    def _ended(self, text: str, *, success: bool) -> None:
        self.exit = text
        if self.leaving:
            self._tree.kill(self.spec.cgroup)
            self._enter(State.FINISHED)
        elif self.state is State.STOPPING:
            self.start()
        else:
            self._after_exit(success=success)

    def _after_exit(self, *, success: bool) -> None:
        if self._loop.clock() - self.since >= HEALTHY_AFTER:
            self._failures = 0
        state = after_exit(self.spec.restart, success=success)
        said = self.ring.last_line()
        self._loop.log.warning("service ended", service=self.spec.id, exit=self.exit, now=state.value, said=said)
        self._enter(state)
        if state is State.BACKOFF:
            self._timer = self._loop.later(backoff(self._failures, own=self.spec.id in OWN_SERVICES), self._start_again)
            self._failures += 1

    def _start_again(self) -> None:
        self.restarts += 1
        self.start()

    def _insist(self) -> None:
        self._loop.log.warning("service does not stop: killed", service=self.spec.id, after=self.spec.stop_timeout)
        self._signal(signal.SIGKILL)
        if self.leaving:
            self._tree.kill(self.spec.cgroup)
        self._timer = self._loop.later(KILL_AGAIN, self._insist)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _enter(self, state: State) -> None:
        if state is not self.state and state not in TRANSITIONS[self.state]:
            self._loop.log.error("no such transition", service=self.spec.id, before=self.state.value, after=state.value)
        self.state, self.since = state, self._loop.clock()
        self._changed(self)

    def _read_output(self) -> None:
        with suppress(BlockingIOError):
            self.ring.write(os.read(self._reader, READ_SIZE))
            for callback in list(self.on_output):
                callback()


def become(spec: ServiceSpec, tree: Tree) -> None:
    """What the child does before it execs: enter its group, take its limits, drop what it may not have."""
    tree.join(spec.cgroup)
    if spec.nofile:
        raise_nofile(spec.nofile)
    with suppress(PermissionError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(spec.oom_score_adj))  # without CAP_SYS_RESOURCE it cannot be lowered: namespaces
    os.chdir(spec.workdir)
    change_user(spec.uid, spec.gid, spec.groups, spec.capabilities)
    if spec.no_new_privs:
        set_no_new_privs()
