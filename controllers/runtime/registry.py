"""Names of resource types: from what people and sockets say (`links`, `LinkStatus`) to the class.

Every subclass of `Spec` registers itself when its module is imported. Two classes of one name are both remembered and
the name then means neither: a look-up says so instead of picking one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.runtime.errors import UnknownType

if TYPE_CHECKING:
    from controllers.runtime.resource import Spec

_by_name: dict[str, dict[str, type[Spec]]] = {}


def register(cls: type[Spec]) -> None:
    """Add a type under its name. The same class imported again replaces itself."""
    _by_name.setdefault(cls.__name__, {})[f"{cls.__module__}.{cls.__qualname__}"] = cls


def types() -> list[type[Spec]]:
    """Return every registered type, by name."""
    return [cls for name in sorted(_by_name) for cls in _by_name[name].values()]


def get_type(name: str) -> type[Spec]:
    """Return the type that has exactly this name. Raises `UnknownType`."""
    return _one(name, list(_by_name.get(name, {}).values()))


def find_type(name: str) -> type[Spec]:
    """Return the type that a person means: name or alias, in any case, singular or plural. Raises `UnknownType`."""
    if name in _by_name:
        return get_type(name)
    wanted = _singular(name)
    found = [cls for cls in types() if wanted in {_singular(known) for known in (cls.__name__, *cls.aliases)}]
    return _one(name, found)


def _one(name: str, found: list[type[Spec]]) -> type[Spec]:
    if not found:
        raise UnknownType(f"there is no resource type {name[:64]!r}", "`ophite get` without a type lists them")
    if len(found) > 1:
        names = ", ".join(f"{cls.__module__}.{cls.__name__}" for cls in found)
        raise UnknownType(f"{name[:64]!r} could be {names}")
    return found[0]


def _singular(name: str) -> str:
    """Return a name in the form in which names are compared: `links` and `link`, `statuses` and `status`, `policies`,
    `policy`.
    """
    low = name.lower().replace("-", "").replace("_", "")
    for plural, singular in (("sses", "ss"), ("uses", "us"), ("xes", "x"), ("ies", "y")):
        if low.endswith(plural):
            return low.removesuffix(plural) + singular
    return low if low.endswith(("ss", "us")) else low.removesuffix("s")
