"""controller-manager and scheduler start after the API server answers.

Started together they only take its processor time and then crash for want of it, which kubelet answers with a back-off.
"""

from controllers.resources.kubernetes import StaticPod
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import View
from controllers.runtime.errors import Waiting
from controllers.services.health import API_SERVER


def check_api_server_first(view: View) -> None:
    """Raise `Waiting` until the API server is ready; what runs already stays. The controller declares both types."""
    health = view.find(ServiceHealth, API_SERVER)
    if not view.own(StaticPod) and not (health and health.spec.healthy):
        raise Waiting("the API server to answer /readyz")
