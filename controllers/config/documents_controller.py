"""DocumentsController: the active configuration, one resource per document.

What other controllers read. A configuration that cannot be read leaves the documents as they are: it never got here
through the API, which refuses it, and a node does not change for the worse because of a broken file.
"""

from collections.abc import Iterable

from controllers.config.activate import ACTIVE
from controllers.config.documents import KINDS
from controllers.config.loader import load
from controllers.resources.machine import MachineConfiguration
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting


class DocumentsController(Controller):
    """MachineConfiguration `active` → every document kind; id = name or `default`."""

    name = "config.DocumentsController"
    inputs = (Input(MachineConfiguration, id=ACTIVE),)
    outputs = tuple(Output(kind) for kind in KINDS.values())

    def reconcile(self, view: View) -> Iterable[Wanted]:
        active = view.find(MachineConfiguration, ACTIVE)
        if active is None:
            return []
        loaded = load(active.spec.yaml)
        if loaded.problems:
            raise Waiting(f"a configuration without problems: {loaded.problems[0]}")
        return [Wanted(document.id, document) for document in loaded.documents]
