"""The runtime of Go is told of an emulated processor, and of nothing else."""

from __future__ import annotations

import pytest

from controllers.services.go_environment import make_go_environment


@pytest.mark.parametrize("patience", [0.5, 1, 1.0])
def test_natively_the_defaults_stay(patience: float) -> None:
    assert make_go_environment(patience) == {}


def test_an_emulated_processor_is_interrupted_less() -> None:
    assert make_go_environment(20) == {"GODEBUG": "asyncpreemptoff=1", "GOGC": "300", "GOMAXPROCS": "1"}
    assert make_go_environment(20, threads=2)["GOMAXPROCS"] == "2"


def test_nobody_shares_the_variables() -> None:
    make_go_environment(20)["GOGC"] = "1"
    assert make_go_environment(20)["GOGC"] == "300"
