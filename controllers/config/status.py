"""ConfigStatusController: one line for people about the configuration."""

from collections.abc import Iterator

from controllers.config.activate import ACTIVE
from controllers.config.loader import load
from controllers.config.validation import find_missing
from controllers.resources.machine import (
    AcquiredConfiguration,
    ConfigPersistStatus,
    ConfigStatus,
    MachineConfiguration,
)
from controllers.runtime.controller import Controller, Input, Output, View, Wanted


class ConfigStatusController(Controller):
    """What was acquired, what is in force and what is kept → ConfigStatus."""

    name = "config.ConfigStatusController"
    inputs = (
        Input(AcquiredConfiguration, id="config"),
        Input(MachineConfiguration, id=ACTIVE),
        Input(ConfigPersistStatus, id="config"),
    )
    outputs = (Output(ConfigStatus),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        acquired = view.get(AcquiredConfiguration, "config").spec
        # Never "incomplete" for a moment: the API would open its maintenance door to a configured node.
        active = view.get(MachineConfiguration, ACTIVE) if acquired.yaml else view.find(MachineConfiguration, ACTIVE)
        kept = view.find(ConfigPersistStatus, "config")
        problems = list(acquired.problems)
        complete = False
        if active is not None:
            loaded = load(active.spec.yaml)
            missing = find_missing(loaded.documents)
            problems += map(str, loaded.problems or missing)
            complete = not loaded.problems and not missing
        if kept is not None and kept.spec.error:
            problems.append(kept.spec.error)
        yield Wanted(
            "config",
            ConfigStatus(
                source=active.spec.source if active else "",
                complete=complete,
                persisted=kept is not None and kept.spec.persisted,
                tried=acquired.tried,
                problems=tuple(problems),
            ),
        )
