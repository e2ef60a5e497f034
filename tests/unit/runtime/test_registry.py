"""Names of types, as people say them."""

import pytest

from controllers.runtime.errors import UnknownType
from controllers.runtime.registry import find_type, get_type, types
from controllers.runtime.resource import Spec


class LinkKind(Spec, frozen=True, kw_only=True):
    """A type."""

    namespace = "registry-test"
    aliases = ("lnk", "Chain-Link")


class PolicyStatus(Spec, frozen=True, kw_only=True):
    """Plurals that are no simple s."""

    namespace = "registry-test"
    aliases = ("policy", "mailbox", "policyaddress")


class RegistryBase(Spec, frozen=True, kw_only=True):
    """No type."""

    abstract = True


@pytest.mark.parametrize("name", ["LinkKind", "linkkind", "LINKKINDS", "lnk", "lnks", "chainlinks", "chain_link"])
def test_names_and_aliases_in_any_case_and_number(name: str) -> None:
    assert find_type(name) is LinkKind


@pytest.mark.parametrize("name", ["policystatuses", "policystatus", "policies", "mailboxes", "policyaddresses"])
def test_irregular_plurals(name: str) -> None:
    assert find_type(name) is PolicyStatus


@pytest.mark.parametrize("name", ["", "s", "linkkin", "RegistryBase", "x" * 10_000])
def test_unknown_names_say_so_and_stay_short(name: str) -> None:
    with pytest.raises(UnknownType) as caught:
        find_type(name)
    assert len(str(caught.value)) < 200
    with pytest.raises(UnknownType):
        get_type(name)


def test_get_takes_the_exact_name_only() -> None:
    assert get_type("LinkKind") is LinkKind
    with pytest.raises(UnknownType):
        get_type("linkkind")


def test_two_classes_of_one_name_mean_neither() -> None:
    def declare_here() -> type[Spec]:
        class Doppel(Spec, frozen=True, kw_only=True):
            namespace = "registry-test"

        return Doppel

    def declare_there() -> type[Spec]:
        class Doppel(Spec, frozen=True, kw_only=True):
            namespace = "registry-test"

        return Doppel

    declare_here()
    declare_there()
    for find in (find_type, get_type):
        with pytest.raises(UnknownType, match="could be"):
            find("Doppel")
    assert len([cls for cls in types() if cls.__name__ == "Doppel"]) == 2
