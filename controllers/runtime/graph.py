"""The graph of controllers and resource types: checked, and drawn as DOT and Mermaid.

The picture is made of `ControllerStatus` edges, so that it can be drawn from the classes or from a running node alike.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from controllers.runtime.status import NAMESPACE, ControllerStatus, Edge, describe

if TYPE_CHECKING:
    from controllers.runtime.controller import Controller
    from controllers.runtime.resource import Spec

Kind = tuple[str, str]
"""Namespace and type name."""


def check_graph(controllers: "Iterable[Controller]", externals: "Iterable[type[Spec]]" = ()) -> list[str]:
    """Return every problem of a set of controllers, as one line each; none is an empty list.

    In: `externals`, types that something outside the controllers makes (the API, say), in any namespace.
    """
    all_ = list(controllers)
    problems = check_names(all_) + check_owners(all_)
    made = {(out.namespace, out.type.__name__) for controller in all_ for out in controller.outputs}
    outside = {ControllerStatus.__name__, *(type_.__name__ for type_ in externals)}
    for controller in all_:
        for one in controller.inputs:
            kind = (one.namespace, one.type.__name__)
            if kind not in made and one.type.__name__ not in outside:
                problems.append(f"{controller.name} reads {kind[0]}/{kind[1]}, which nobody makes")
    return problems


def check_names(controllers: "Iterable[Controller]") -> list[str]:
    """Return a line for every controller without a name and for every name used twice."""
    all_ = list(controllers)
    names = [controller.name for controller in all_]
    problems = [f"{type(controller).__name__} has no name" for controller in all_ if not controller.name]
    return problems + [f"two controllers are called {name}" for name in sorted(set(names) - {""}) if names.count(name) > 1]


def check_owners(controllers: "Iterable[Controller]") -> list[str]:
    """Return a line for every output of several controllers that is not shared by all of them."""
    makers: dict[Kind, list[tuple[str, str]]] = {(NAMESPACE, ControllerStatus.__name__): [("the engine", "exclusive")]}
    for controller in controllers:
        for out in controller.outputs:
            makers.setdefault((out.namespace, out.type.__name__), []).append((controller.name, out.kind.value))
    return [
        f"{namespace}/{type_} is made by {', '.join(name for name, _ in who)}, and not all of them share it"
        for (namespace, type_), who in sorted(makers.items())
        if len(who) > 1 and any(kind == "exclusive" for _, kind in who)
    ]


def describe_all(controllers: "Iterable[Controller]") -> dict[str, ControllerStatus]:
    """Return the declared edges of controllers by name, to be drawn."""
    return {controller.name: describe(controller) for controller in controllers}


def render_dot(statuses: Mapping[str, ControllerStatus]) -> str:
    """Return the graph in DOT (graphviz.org/doc/info/lang.html): boxes are controllers, ellipses are resource types."""
    lines = ["digraph ophite {", "  rankdir=LR;"]
    lines += [f"  {_quote(name)} [shape=box];" for name in sorted(statuses)]
    for name, status in sorted(statuses.items()):
        lines += [f"  {_quote(_label(e))} -> {_quote(name)}{_style(e)};" for e in status.inputs]
        lines += [f"  {_quote(name)} -> {_quote(_label(e))}{_style(e)};" for e in status.outputs]
    return "\n".join([*lines, "}", ""])


def render_mermaid(statuses: Mapping[str, ControllerStatus]) -> str:
    """Return the graph in Mermaid's flowchart language (mermaid.js.org/syntax/flowchart.html)."""
    ids: dict[str, str] = {}

    def node(label: str, left: str, right: str) -> str:
        if label not in ids:
            ids[label] = f"n{len(ids)}"
            lines.append(f'  {ids[label]}{left}"{label}"{right}')
        return ids[label]

    lines = ["flowchart LR"]
    for name, status in sorted(statuses.items()):
        box = node(name, "[", "]")
        for edge in status.inputs:
            arrow = "==>" if edge.kind == "strong" else "-->"
            source = node(_label(edge), "([", "])")
            lines.append(f"  {source} {arrow} {box}")
        for edge in status.outputs:
            target = node(_label(edge), "([", "])")
            lines.append(f"  {box} --> {target}")
    return "\n".join([*lines, ""])


def _label(edge: Edge) -> str:
    """Return the node of an edge's type; one id or all is one node."""
    return f"{edge.namespace}/{edge.type}"


def _style(edge: Edge) -> str:
    return {"strong": " [style=bold]", "shared": " [style=dashed]"}.get(edge.kind, "")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
