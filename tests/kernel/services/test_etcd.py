"""etcd for real: bootstrapped with our certificates, asked over TLS, restarted with its data, refused a second time; and
three members that want to be away at once.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]


def test_a_member_from_bootstrap_to_restart(run_scenario: Callable[..., str], etcd_tree: Path) -> None:
    output = run_scenario("etcd_scenario.py", [etcd_tree])
    assert "round 1: healthy" in output


def test_of_three_members_one_is_away_at_a_time(run_scenario: Callable[..., str], etcd_tree: Path) -> None:
    output = run_scenario("lock_scenario.py", [etcd_tree], seconds=280)
    assert "all of it" in output
