"""The network of maintenance mode goes on when the whole configuration comes.

Network documents may be applied alone to a node without a configuration, to reach it at all. The configuration that follows
would take them away again, and the node with them, unless it says something about the same subject. So what it does not
speak of is kept, in what is in force and in what is persistent, and shown as unchanged. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.config.document import Document
from controllers.config.documents.dhcpv4_config import DHCPv4Config
from controllers.config.documents.link_config import LinkConfig
from controllers.config.render import render_document
from controllers.config.validation import is_partial

LINKS = (LinkConfig, DHCPv4Config)
"""One subject: who describes a link describes the links."""


def find_kept(current: Sequence[Document], new: Sequence[Document]) -> tuple[Document, ...]:
    """Return the network documents in force that `new` says nothing about; none while `new` itself is only network."""
    if not new or is_partial(new):
        return ()
    subjects = {_subject(document) for document in new}
    return tuple(document for document in current if document.partial and _subject(document) not in subjects)


def append_documents(yaml: str, documents: Sequence[Document]) -> str:
    """Return a configuration with documents after its own; the text itself stays as the user wrote it."""
    return yaml if not documents else yaml.rstrip("\n") + "\n" + "".join(f"---\n{render_document(one)}" for one in documents)


def _subject(document: Document) -> str:
    return "links" if isinstance(document, LINKS) else type(document).__name__
