"""Strict decoding, the state table, the diff of two tables, order of need, backoff."""

import itertools
from typing import Any

import pytest

from init.services import (
    RULES,
    TRANSITIONS,
    ControlError,
    Restart,
    ServiceSpec,
    State,
    after_exit,
    backoff,
    by_need,
    decode_spec,
    decode_table,
    plan_changes,
)

ARGV = ["/bin/true"]


def spec(id: str, *needs: str, **fields: Any) -> ServiceSpec:
    return ServiceSpec(id, ("/bin/true",), needs=needs, **fields)


def test_a_minimal_specification_has_the_documented_defaults() -> None:
    problems: list[str] = []
    decoded = decode_spec({"id": "etcd", "argv": ARGV}, "s", problems)
    assert not problems
    assert decoded == ServiceSpec("etcd", ("/bin/true",), cgroup="ophite/etcd")
    assert decoded is not None
    assert decoded.capabilities is None
    assert decoded.restart is Restart.ALWAYS


def test_every_field_has_a_rule_and_every_rule_a_field() -> None:
    assert set(RULES) == set(ServiceSpec._fields)


def test_a_full_specification_is_decoded() -> None:
    value = {
        "id": "etcd", "argv": ["/usr/bin/etcd", "--x"], "env": {"A": "1"}, "uid": 60, "gid": 60, "groups": [1],
        "cgroup": "ophite/e",
        "memory_min": 1, "memory_low": 2, "memory_max": 3, "cpu_weight": 4, "oom_score_adj": -5,
        "capabilities": ["CAP_NET_ADMIN"], "no_new_privs": True, "nofile": 6, "restart": "on-failure", "needs": ["containerd"],
        "stop_timeout": 7, "workdir": "/var",
    }  # fmt: skip
    decoded = decode_table([value])["etcd"]
    assert set(value) == set(ServiceSpec._fields)
    assert decoded.env == (("A", "1"),)
    assert (decoded.restart, decoded.stop_timeout, decoded.capabilities) == (Restart.ON_FAILURE, 7.0, ("CAP_NET_ADMIN",))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Etcd"), ("id", "a" * 64), ("id", "../x"), ("id", ""), ("id", 1), ("argv", []), ("argv", "x"), ("argv", [1]),
        ("argv", ["/a\0b"]), ("env", {"A": 1}), ("env", {"A=B": "x"}), ("env", []), ("uid", -1), ("uid", True), ("uid", 2**32),
        ("gid", "0"), ("groups", [-1]), ("groups", [0] * 65), ("cgroup", "ophite"), ("cgroup", "ophite/init"), ("cgroup", "/a"),
        ("cgroup", "a/../b"), ("cgroup", ""), ("memory_max", 1.5), ("cpu_weight", 10001), ("oom_score_adj", -1001),
        ("capabilities", ["CAP_ALL"]), ("capabilities", ["net_admin"]), ("no_new_privs", 1), ("nofile", -1),
        ("restart", "sometimes"),
        ("needs", "etcd"), ("stop_timeout", -1), ("stop_timeout", True), ("stop_timeout", float("nan")), ("workdir", "var"),
        ("restart", []),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_path(field: str, value: object) -> None:
    with pytest.raises(ControlError) as caught:
        decode_table([{"id": "x", "argv": ARGV, field: value}])
    assert f"services[0].{field}: not" in str(caught.value)


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(ControlError) as caught:
        decode_table([{"uid": -1, "cpu": 1}, 7, {"id": "api", "argv": ARGV}, {"id": "x", "argv": ["true"]}])
    text = str(caught.value)
    for part in (
        "[0].uid",
        "[0].cpu: unknown",
        "[0].id: missing",
        "[0].argv: missing",
        "[1]: not an object",
        "reserved",
        "absolute",
    ):
        assert part in text


def test_two_services_cannot_share_an_id_or_a_group() -> None:
    with pytest.raises(ControlError, match="there twice"):
        decode_table([{"id": "x", "argv": ARGV}, {"id": "x", "argv": ARGV, "cgroup": "y"}])
    with pytest.raises(ControlError, match="overlaps with that of x"):
        decode_table([{"id": "x", "argv": ARGV, "cgroup": "a"}, {"id": "y", "argv": ARGV, "cgroup": "a/b"}])
    assert len(decode_table([{"id": "x", "argv": ARGV, "cgroup": "a"}, {"id": "y", "argv": ARGV, "cgroup": "ab"}])) == 2


def test_the_table_is_bounded() -> None:
    with pytest.raises(ControlError, match="at most 64"):
        decode_table([{"id": f"s{n}", "argv": ARGV} for n in range(65)])
    with pytest.raises(ControlError):
        decode_table({"id": "x"})


ALLOWED = {
    ("starting", "running"), ("starting", "backoff"), ("starting", "failed"), ("starting", "finished"), ("running", "stopping"),
    ("running", "backoff"), ("running", "finished"), ("running", "failed"), ("stopping", "starting"), ("stopping", "finished"),
    ("backoff", "starting"), ("backoff", "finished"), ("finished", "starting"), ("failed", "starting"), ("failed", "finished"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_every_pair_of_states(before: State, after: State) -> None:
    assert (after in TRANSITIONS[before]) == ((before.value, after.value) in ALLOWED)


def test_the_diff_of_two_tables() -> None:
    current = {"a": spec("a"), "b": spec("b"), "c": spec("c")}
    wanted = {"d": spec("d", "e"), "e": spec("e"), "b": spec("b"), "c": spec("c", uid=1)}
    assert plan_changes(current, wanted) == (["e", "d"], ["a"], ["c"])
    assert plan_changes(wanted, wanted) == ([], [], [])


def test_needs_come_first_and_circles_end() -> None:
    table = {s.id: s for s in (spec("kubelet", "containerd", "etcd"), spec("etcd", "containerd"), spec("containerd", "gone"))}
    assert by_need(table) == ["containerd", "etcd", "kubelet"]
    assert sorted(by_need({"a": spec("a", "b"), "b": spec("b", "a")})) == ["a", "b"]


def test_backoff_doubles_up_to_its_cap() -> None:
    assert [backoff(n, own=False) for n in (0, 1, 2, 6, 7, 1000)] == [0.5, 1.0, 2.0, 32.0, 60.0, 60.0]
    assert all(backoff(n, own=True) < 1 for n in range(100))


@pytest.mark.parametrize(
    ("policy", "success", "state"),
    [
        (Restart.ALWAYS, True, State.BACKOFF), (Restart.ALWAYS, False, State.BACKOFF),
        (Restart.ON_FAILURE, True, State.FINISHED),
        (Restart.ON_FAILURE, False, State.BACKOFF), (Restart.NEVER, True, State.FINISHED), (Restart.NEVER, False, State.FAILED),
    ],
)  # fmt: skip
def test_restart_policies(policy: Restart, success: bool, state: State) -> None:
    assert after_exit(policy, success=success) is state
