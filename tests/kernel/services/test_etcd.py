"""etcd for real: bootstrapped with our certificates, asked over TLS, restarted with its data, refused a second time."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]


def test_a_member_from_bootstrap_to_restart(run_scenario: Callable[..., str], etcd_tree: Path) -> None:
    output = run_scenario("etcd_scenario.py", [etcd_tree])
    assert "round 1: healthy" in output
