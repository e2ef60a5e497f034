"""What a test of memory reads out of logs and files."""

from __future__ import annotations

from controllers.config.clientconfig import ClientConfig, Context
from tests.harness.workers import find_killed, replace_context

LOG = """[   90.1] kubelet invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=-999
[   90.2] Memory cgroup out of memory: Killed process 512 (etcd)
[   90.3] oom_reaper: reaped process 512 (etcd)
[   91.0] a bathroom is no reason
"""


def test_killed_processes_are_found_in_a_kernel_log() -> None:
    assert len(find_killed(LOG)) == 3
    assert find_killed("all is well\n") == []


def test_only_the_named_fields_of_a_context_change() -> None:
    config = ClientConfig(context="home", contexts={"home": Context(endpoints=("a",), ca="CA", crt="CRT", key="KEY")})
    changed = replace_context(config, ca="OTHER").contexts["home"]
    assert changed == Context(endpoints=("a",), ca="OTHER", crt="CRT", key="KEY")
