"""What can go wrong when the brain talks to a service.

ServiceFault          base: message and hint
├── ControlError      PID 1 refused, is silent, or does not speak the protocol
├── RequestError      an HTTP request did not get an answer (refused, timed out, too large, bad certificate)
└── ImportFailed      an image archive is unreadable or containerd refused it
"""

from controllers.runtime.errors import RuntimeFault


class ServiceFault(RuntimeFault):
    """Base of the tree."""


class ControlError(ServiceFault):
    """PID 1 refused, is silent, or does not speak the protocol."""


class RequestError(ServiceFault):
    """An HTTP request did not get an answer."""


class ImportFailed(ServiceFault):
    """An image archive is unreadable or containerd refused it."""
