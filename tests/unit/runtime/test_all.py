"""All controllers of a node together: they fit."""

import re

import pytest

from controllers.all import EXTERNALS, controllers
from controllers.ports import Paths, Ports
from controllers.runtime.controller import SHARED, Controller
from controllers.runtime.graph import check_graph
from controllers.runtime.registry import types
from tests.harness.clock import FakeClock


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> list[Controller]:
    return controllers(Ports(clock=FakeClock(), paths=Paths(tmp_path_factory.mktemp("node"))))


def test_one_owner_per_output_and_no_input_that_nobody_makes(registered: list[Controller]) -> None:
    assert check_graph(registered, EXTERNALS) == []


def test_what_comes_from_outside_is_nobodys_own_and_read_by_somebody(registered: list[Controller]) -> None:
    made = {out.type for controller in registered for out in controller.outputs if out.kind is not SHARED}
    read = {one.type for controller in registered for one in controller.inputs}
    assert made.isdisjoint(EXTERNALS)
    assert read.issuperset(EXTERNALS)


def test_names_are_domain_and_class(registered: list[Controller]) -> None:
    for controller in registered:
        assert re.fullmatch(r"[a-z]+\.[A-Z][A-Za-z0-9]+Controller", controller.name), controller.name
        assert controller.name.partition(".")[2] == type(controller).__name__


def test_every_controller_says_what_it_is_for(registered: list[Controller]) -> None:
    assert [controller.name for controller in registered if not type(controller).__doc__] == []


def test_every_type_on_a_node_has_one_name_and_a_namespace(registered: list[Controller]) -> None:
    assert registered
    names = [cls.__name__ for cls in types() if cls.__module__.startswith("controllers.")]
    assert sorted(names) == sorted(set(names))
    for cls in types():
        if cls.__module__.startswith("controllers."):
            assert cls.namespace, cls.__name__
