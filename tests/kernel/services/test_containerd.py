"""containerd for real: it takes our configuration, answers the health check, imports and pins an archive exactly once."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]


def test_import(run_scenario: Callable[..., str], containerd_tree: Path) -> None:
    run_scenario("containerd_scenario.py", [containerd_tree])
