"""What changes between two configurations, as text for people; secrets are never in it, only that they changed."""

import difflib
from collections.abc import Sequence

import msgspec

from controllers.config.document import Document
from controllers.config.render import document_fields, render_fields
from controllers.runtime.secret import REDACTED, redact

CHANGED = "[redacted, changed]"


def diff_documents(old: Sequence[Document], new: Sequence[Document]) -> str:
    """Return a unified diff, document by document; empty when nothing changes. Secrets are redacted."""
    before = {document.title: document for document in old}
    after = {document.title: document for document in new}
    titles = [*after, *(title for title in before if title not in after)]
    return "".join(_diff(title, before.get(title), after.get(title)) for title in titles)


def _diff(title: str, old: Document | None, new: Document | None) -> str:
    if old == new:
        return ""
    before = _lines(old) if old else []
    after = _lines(new) if new else []
    if old is not None and new is not None and _secrets(old) != _secrets(new):
        after = _mark(old, new)
    label = "added" if old is None else "removed" if new is None else "changed"
    lines = difflib.unified_diff(before, after, f"a/{title}", f"b/{title} ({label})", lineterm="\n")
    return "".join(lines)


def _lines(document: Document) -> list[str]:
    return render_fields(document_fields(redact(document))).splitlines(keepends=True)


def _secrets(document: Document) -> list[object]:
    """Return what redaction hides, in order: the fields in which the document differs from its redacted copy."""
    return _walk(document, redact(document))


def _walk(value: object, shown: object) -> list[object]:
    if isinstance(value, msgspec.Struct) and isinstance(shown, msgspec.Struct):
        names = value.__struct_fields__
        return [part for name in names for part in _walk(getattr(value, name), getattr(shown, name))]
    return [] if value == shown else [value]


def _mark(old: Document, new: Document) -> list[str]:
    """Return the new document's lines in which each secret that changed says so."""
    fields = document_fields(redact(new))
    _mark_fields(fields, document_fields(old), document_fields(new))
    return render_fields(fields).splitlines(keepends=True)


def _mark_fields(shown: object, old: object, new: object) -> None:
    if not (isinstance(shown, dict) and isinstance(new, dict)):
        return
    before = old if isinstance(old, dict) else {}
    for key, value in shown.items():
        if value == REDACTED and before.get(key) != new.get(key):
            shown[key] = CHANGED
        else:
            _mark_fields(value, before.get(key), new.get(key))
