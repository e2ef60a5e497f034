"""Resources and their specs."""

import msgspec
import pytest

from controllers.runtime.resource import Part, Phase, Secret, Spec, new, replace


class Thing(Spec, frozen=True, kw_only=True):
    """A spec."""

    namespace = "resource-test"
    aliases = ("gadget",)
    size: int
    password: Secret = ""


class Base(Spec, frozen=True, kw_only=True):
    """No type itself."""

    abstract = True
    namespace = "resource-test"


class Derived(Base, frozen=True, kw_only=True):
    """A type."""

    name: str = ""


def test_new_takes_the_namespace_of_its_type_unless_told() -> None:
    assert new("a", Thing(size=1)).metadata.namespace == "resource-test"
    assert new("a", Derived()).metadata.namespace == "resource-test"
    assert new("a", Thing(size=1), namespace="other").metadata.namespace == "other"


def test_a_resource_shows_what_everybody_asks_for() -> None:
    resource = new("a", Thing(size=1), owner="me", labels={"x": "y"})
    assert (resource.id, resource.tearing_down, str(resource.metadata)) == ("a", False, "Thing/a")
    assert (resource.metadata.phase, resource.metadata.version) == (Phase.RUNNING, 0)
    assert replace(resource, Thing(size=2)).metadata == resource.metadata


def test_specs_are_frozen_and_strict() -> None:
    thing = Thing(size=1)
    with pytest.raises(AttributeError):
        thing.size = 2  # type: ignore[misc]  # what must not work
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.convert({"size": 1, "colour": 2}, Thing)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.size"):
        msgspec.convert({"size": "1"}, Thing)


def test_abstract_is_said_of_one_class_and_not_inherited() -> None:
    assert Base.abstract
    assert not Derived.abstract
    assert not Thing.abstract


def test_no_repr_shows_a_secret() -> None:
    class Lock(Part, frozen=True, kw_only=True):
        code: Secret

    for shown in (Thing(size=1, password="hunter2"), new("a", Thing(size=1, password="hunter2")), Lock(code="hunter2")):
        assert "hunter2" not in repr(shown)
        assert "hunter2" not in f"{shown}"
        assert "[redacted]" in repr(shown)
