"""What users write, and how it becomes resources: documents, loader, validation, patches, and the flow at boot.

acquire (sources → one text) → activate (with what the API applies) → documents (one resource each) and persist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return the controllers of this domain. Imports them only here: a laptop uses this package without them."""
    from controllers.config.acquire import ConfigAcquireController
    from controllers.config.activate import ConfigActivateController
    from controllers.config.documents_controller import DocumentsController
    from controllers.config.persist import ConfigPersistController
    from controllers.config.status import ConfigStatusController

    return [
        ConfigAcquireController(ports),
        ConfigActivateController(),
        DocumentsController(),
        ConfigPersistController(ports),
        ConfigStatusController(),
    ]
