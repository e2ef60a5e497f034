"""Strategic merge and JSON patches."""

import pytest

from controllers.config.jsonpatch import JsonPatchError, apply_json_patch
from controllers.config.loader import check_config
from controllers.config.patch import apply_patches
from controllers.config.problem import ConfigError

BASE = """\
apiVersion: ophite/v1
kind: HostnameConfig
hostname: a
---
apiVersion: ophite/v1
kind: LinkConfig
name: eth0
mtu: 1400
addresses: [192.0.2.1/24]
"""


def patched(*patches: str) -> dict[str, object]:
    return {document.title: document for document in check_config(apply_patches(BASE, patches))}


def test_fields_merge_lists_are_replaced_and_null_removes() -> None:
    link = patched("kind: LinkConfig\nname: eth0\nmtu: null\naddresses: [192.0.2.2/24]\nup: false")["LinkConfig[eth0]"]
    assert (link.mtu, link.addresses, link.up) == (0, ("192.0.2.2/24",), False)  # type: ignore[attr-defined]


def test_a_document_is_deleted_or_added() -> None:
    found = patched("kind: LinkConfig\nname: eth0\n$patch: delete\n---\nkind: DHCPv4Config\nname: eth1\n")
    assert list(found) == ["HostnameConfig", "DHCPv4Config[eth1]"]
    assert list(patched("kind: TimeSyncConfig\n$patch: delete")) == ["HostnameConfig", "LinkConfig[eth0]"]


def test_json_patch_names_documents_by_kind_and_name() -> None:
    found = patched(
        """
        [{"op": "replace", "path": "/HostnameConfig/hostname", "value": "b"},
         {"op": "add", "path": "/LinkConfig/eth0/addresses/-", "value": "192.0.2.9/24"}]
        """
    )
    assert found["HostnameConfig"].hostname == "b"  # type: ignore[attr-defined]
    assert found["LinkConfig[eth0]"].addresses == ("192.0.2.1/24", "192.0.2.9/24")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("kind: HostnameConfg", "did you mean `HostnameConfig`?"),
        ("hostname: b", "`kind` is missing"),
        ("kind: LinkConfig\nmtu: 1", "LinkConfig without `name`"),
        ('[{"op": "remove", "path": "/LinkConfig/eth9"}]', "operation 1 (/LinkConfig/eth9)"),
        ('[{"op": "test", "path": "/HostnameConfig/hostname", "value": "z"}]', "the test failed"),
        ('[{"op": "replace", "path": "", "value": []}]', "the whole configuration"),
        ("a: }", "patch 1: line 1"),
        ("text", "not a document"),
    ],
)
def test_a_bad_patch_is_told(patch: str, expected: str) -> None:
    with pytest.raises(ConfigError, match="problem") as caught:
        apply_patches(BASE, [patch])
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"a": [1, 2]}, {"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/b"}, {"b": 1}),
        ({"a": {"x": 1}}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a/b": 1, "~": 2}, {"op": "remove", "path": "/a~1b"}, {"~": 2}),
        ({"~": 2}, {"op": "replace", "path": "/~0", "value": 3}, {"~": 3}),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
    ],
)
def test_json_patch_operations(document: object, operation: dict[str, object], expected: object) -> None:
    before = repr(document)
    assert apply_json_patch(document, [operation]) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    "operation",
    [
        {},
        "text",
        {"op": "fly", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/l/7", "value": 1},
        {"op": "add", "path": "/l/01", "value": 1},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "remove", "path": ""},
    ],
)
def test_json_patch_refuses(operation: object) -> None:
    with pytest.raises(JsonPatchError, match="operation 1"):
        apply_json_patch({"a": 1, "l": []}, [operation])
