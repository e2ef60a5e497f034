"""LEDs: `IdentifyRequest` and the state of the boot → /sys/class/leds → `LedStatus`.

An LED that was changed is given back when nothing of ours is to be shown any more: also by the next brain, which knows from
/run how it was. The triggers are modules; until they are loaded an LED that shall blink is lit, and while somebody looks for
the machine it is switched by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controllers.hardware.announcements import Announcements, of
from controllers.hardware.led_lights import DARK, IDENTIFY, LIT, Light, is_locating, plan_lights, substitute
from controllers.hardware.led_port import Former, LedPort
from controllers.ports import Ports
from controllers.resources.hardware import DeviceModule, IdentifyRequest, LedStatus, SystemInformation
from controllers.resources.machine import KernelModuleStatus, MachineStage, MachineStatus, PlatformInfo
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

MODULES = ("ledtrig_timer", "ledtrig_heartbeat")
BY_HAND = 0.25  # seconds


class LedsApplyController(Controller):
    """`IdentifyRequest`, `MachineStage` → LEDs → `LedStatus`; asks for the modules of the triggers by `DeviceModule`."""

    name = "hardware.LedsApplyController"
    inputs = (
        Input(PlatformInfo, id="platform"),
        Input(SystemInformation, id="system"),
        Input(IdentifyRequest, id="identify"),
        Input(MachineStage, id="machine"),
        Input(MachineStatus, id="machine"),
        *(Input(KernelModuleStatus, id=name) for name in MODULES),
    )
    outputs = (Output(LedStatus), Output(DeviceModule, kind=SHARED))
    inline = False

    def __init__(self, ports: Ports, announcements: Announcements) -> None:
        self._port = LedPort(ports.paths.sys / "class/leds", ports.paths.run / "leds.json")
        self._announcements = announcements
        self._shown: dict[str, Light] = {}
        self._formers: dict[str, Former] | None = None

    async def run(self, wake: Callable[[], None]) -> None:
        """Wake when an LED comes or goes."""
        await self._announcements.follow(of("leds"), wake)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if view.get(PlatformInfo, "platform").spec.platform == "namespaces":
            return
        names = self._port.names()
        raspberry = view.get(SystemInformation, "system").spec.product.startswith("Raspberry Pi")
        ours = [name for name in names if is_locating(name, raspberry)]
        lights = _plan(view, names, raspberry)
        self._forget_gone(names)
        for name in names:
            error = self._show(view, name, lights.get(name))
            now = self._port.read(name)
            light = lights.get(name)
            shows = "" if light is None else "identify" if light is IDENTIFY else "state"
            yield Wanted(name, LedStatus(trigger=now.trigger, locates=name in ours, shows=shows, error=error))
        if ours:
            for module in MODULES:
                yield Wanted(module, DeviceModule(devices=tuple(f"leds/{name}" for name in ours[:4]), count=len(ours)))

    def _show(self, view: View, name: str, light: Light | None) -> str:
        """Bring an LED to what it shall show; return what went wrong."""
        try:
            if light is None:
                self._give_back(name)
                return ""
            available = self._port.read(name).triggers
            real = substitute(light, available)
            if light is IDENTIFY and real is LIT:
                real = LIT if int(view.now / BY_HAND) % 2 else DARK
                view.wake_after(BY_HAND)
            if self._shown.get(name) != real:
                self._remember(name)
                self._port.show(name, real)
                self._shown[name] = real
        except OSError as error:
            self._shown.pop(name, None)
            return f"{error.filename or name}: {error.strerror or error}"
        return ""

    def _remember(self, name: str) -> None:
        formers = self._load()
        if name not in formers:
            self._keep({**formers, name: self._port.former(name)})

    def _give_back(self, name: str) -> None:
        former = self._load().get(name)
        if former is not None:
            self._port.restore(name, former)
            self._keep({one: kept for one, kept in self._load().items() if one != name})
        self._shown.pop(name, None)

    def _forget_gone(self, names: list[str]) -> None:
        for name in self._shown.keys() - set(names):
            del self._shown[name]
        kept = {name: former for name, former in self._load().items() if name in names}
        if kept != self._load():
            self._keep(kept)

    def _load(self) -> dict[str, Former]:
        if self._formers is None:
            self._formers = self._port.load()
        return self._formers

    def _keep(self, formers: dict[str, Former]) -> None:
        self._port.keep(formers)
        self._formers = formers


def _plan(view: View, names: list[str], raspberry: bool) -> dict[str, Light]:
    request, stage = view.find(IdentifyRequest, "identify"), view.find(MachineStage, "machine")
    status = view.find(MachineStatus, "machine")
    left = request.spec.until - view.now if request else 0.0
    if left > 0:
        view.wake_after(left)
    return plan_lights(
        names,
        raspberry=raspberry,
        identify=left > 0,
        stage=stage.spec.stage if stage else None,
        ready=bool(status and status.spec.ready),
    )
