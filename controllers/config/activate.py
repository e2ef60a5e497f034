"""ConfigActivateController: which configuration is in force, and which shall be kept. Pure; trials end here.

Lowest to highest: what was acquired at boot, what the API was told to apply, what it was told to try, until that is over.
"""

from collections.abc import Iterator

from controllers.resources.machine import AcquiredConfiguration, ConfigRequest, MachineConfiguration
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

ACTIVE, PERSISTENT = "active", "persistent"


class ConfigActivateController(Controller):
    """AcquiredConfiguration and ConfigRequest → MachineConfiguration `active` and `persistent`."""

    name = "config.ConfigActivateController"
    inputs = (Input(AcquiredConfiguration, id="config"), Input(ConfigRequest, id="config"))
    outputs = (Output(MachineConfiguration),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        acquired = view.get(AcquiredConfiguration, "config").spec
        found = view.find(ConfigRequest, "config")
        request = found.spec if found else ConfigRequest()
        yaml, source = (request.active, "api") if request.active else (acquired.yaml, acquired.source)
        left = request.trial_until - view.now
        if request.trial and left > 0:
            view.wake_after(left)
            yaml, source = request.trial, "trial"
        if yaml:
            yield Wanted(ACTIVE, MachineConfiguration(yaml=yaml, source=source))
        if request.persistent:
            yield Wanted(PERSISTENT, MachineConfiguration(yaml=request.persistent, source="api"))
        elif acquired.persistent:
            yield Wanted(PERSISTENT, MachineConfiguration(yaml=acquired.persistent, source=acquired.source))
