"""The runtime of Go is told of an emulated processor, and of nothing else."""

from __future__ import annotations

import pytest

from controllers.ports import Ports
from controllers.services.go_environment import make_go_environment


@pytest.mark.parametrize("patience", [0.5, 1, 1.0])
def test_natively_the_defaults_stay(patience: float) -> None:
    assert make_go_environment(Ports(patience=patience)) == {}


def test_an_emulated_processor_is_interrupted_less() -> None:
    ports = Ports(patience=20)
    assert make_go_environment(ports) == {"GODEBUG": "asyncpreemptoff=1", "GOGC": "300", "GOMAXPROCS": "1"}
    assert make_go_environment(ports, threads=2)["GOMAXPROCS"] == "2"


def test_where_memory_is_short_garbage_is_collected_early_also_under_emulation() -> None:
    small = 900 << 20
    assert make_go_environment(Ports(memory=small)) == {"GOGC": "50"}
    assert make_go_environment(Ports(memory=small, patience=20))["GOGC"] == "50"
    assert make_go_environment(Ports(memory=8 << 30)) == {}


def test_nobody_shares_the_variables() -> None:
    ports = Ports(patience=20)
    make_go_environment(ports)["GOGC"] = "1"
    assert make_go_environment(ports)["GOGC"] == "300"
