"""The graph: checked and drawn."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.runtime.controller import SHARED, STRONG, Controller, Input, Output
from controllers.runtime.graph import check_graph, describe_all, render_dot, render_mermaid
from controllers.runtime.resource import Spec
from controllers.runtime.status import ControllerStatus

DATA = Path(__file__).parents[2] / "data" / "runtime"


class Wheat(Spec, frozen=True, kw_only=True):
    """Grows outside."""

    namespace = "graph"


class Flour(Spec, frozen=True, kw_only=True):
    """Is milled."""

    namespace = "graph"


class Bread(Spec, frozen=True, kw_only=True):
    """Is baked."""

    namespace = "graph"


def make(name: str, inputs: tuple[Input, ...] = (), outputs: tuple[Output, ...] = ()) -> Controller:
    controller = Controller()
    controller.name, controller.inputs, controller.outputs = name, inputs, outputs
    return controller


def mill() -> list[Controller]:
    return [
        make("graph.Mill", (Input(Wheat, kind=STRONG),), (Output(Flour),)),
        make("graph.Baker", (Input(Flour), Input(Wheat, id="rye")), (Output(Bread, kind=SHARED),)),
        make("graph.Monk", (Input(ControllerStatus),), (Output(Bread, kind=SHARED),)),
    ]


def test_a_sound_graph_has_no_problem() -> None:
    assert check_graph(mill(), externals=(Wheat,)) == []


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        (make("graph.Mill"), "two controllers are called graph.Mill"),
        (make(""), "Controller has no name"),
        (make("x", outputs=(Output(Flour),)), "graph/Flour is made by graph.Mill, x, and not all of them share it"),
        (make("x", outputs=(Output(Bread),)), "graph/Bread is made by graph.Baker, graph.Monk, x, and not all of them"),
        (make("x", (Input(Flour, "later"),)), "x reads later/Flour, which nobody makes"),
        (make("x", outputs=(Output(ControllerStatus),)), "runtime/ControllerStatus is made by the engine, x"),
    ],
)
def test_every_problem_is_named(extra: Controller, problem: str) -> None:
    [found] = check_graph([*mill(), extra], externals=(Wheat,))
    assert found.startswith(problem)


def test_what_nobody_makes_is_told_unless_it_comes_from_outside() -> None:
    assert check_graph(mill()) == [
        "graph.Mill reads graph/Wheat, which nobody makes",
        "graph.Baker reads graph/Wheat, which nobody makes",
    ]


@pytest.mark.parametrize(("render", "file"), [(render_dot, "mill.dot"), (render_mermaid, "mill.mmd")])
def test_the_picture(render: Callable[[dict[str, ControllerStatus]], str], file: str) -> None:
    assert render(describe_all(mill())) == (DATA / file).read_text()


def test_names_cannot_break_out_of_the_picture() -> None:
    text = render_dot(describe_all([make('a"; b [x="')]))
    assert '"a\\"; b [x=\\"" [shape=box];' in text
