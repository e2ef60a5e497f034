"""Every kind: its example is valid, survives a round trip, equals its golden sample, and shows no secret."""

from pathlib import Path

import pytest

from controllers.config.document import Document
from controllers.config.documents import KINDS
from controllers.config.loader import load
from controllers.config.render import render_document
from controllers.config.schema import render_reference, render_schema
from controllers.runtime.secret import redact

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/data/config/documents"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_example_is_valid_and_equals_its_golden_sample(kind: type[Document]) -> None:
    example = kind.example()
    assert example.validate() == []
    text = render_document(example)
    assert text == (GOLDEN / f"{kind.__name__}.yaml").read_text()
    loaded = load(text, "sample.yaml")
    assert (loaded.documents, loaded.problems) == ((example,), ())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_secret_is_shown(kind: type[Document]) -> None:
    example = kind.example()
    for text in (repr(example), render_document(redact(example))):
        assert "PRIVATE KEY" not in text
        assert "abcdef.0123456789abcdef" not in text
    if "PRIVATE KEY" in render_document(example):
        assert kind.sensitive


def test_reference_page_is_current() -> None:
    assert (ROOT / "docs/config-reference.md").read_text() == render_reference(), "run `python -m controllers.config.schema`"


def test_schema_knows_every_kind_and_field() -> None:
    schema = render_schema()
    assert len(schema["oneOf"]) == len(KINDS)
    link = schema["$defs"]["LinkConfig"]
    assert set(link["properties"]) == {"apiVersion", "kind", "name", "up", "mtu", "addresses", "routes"}
    assert link["required"] == ["apiVersion", "kind", "name"]
    assert link["additionalProperties"] is False
