"""ConfigAcquireController: find this boot's configuration, once.

Sources are asked in order until the documents are enough to leave maintenance; of two documents of one kind and name the
earlier source's counts. A broken source never stops the boot: its problems are recorded and the next one is asked.
"""

from collections.abc import Callable, Iterable

from msgspec import structs

from controllers.config.document import Document
from controllers.config.loader import load
from controllers.config.render import render_documents
from controllers.config.sources import SourceText, active_path, persistent_path, read_cmdline, read_config_file
from controllers.config.validation import find_conflicts, is_complete
from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import AcquiredConfiguration
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

STATE = "STATE"
RUN_SOURCE, STATE_SOURCE, IMAGE_SOURCE, CMDLINE_SOURCE = "run", "state", "image", "cmdline"


class ConfigAcquireController(Controller):
    """VolumeStatus of STATE → AcquiredConfiguration. Reads files, so it runs in a thread."""

    name = "config.ConfigAcquireController"
    inputs = (Input(VolumeStatus, id=STATE),)
    outputs = (Output(AcquiredConfiguration),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        decided = view.own(AcquiredConfiguration)
        if decided:
            return [Wanted("config", decided[0].spec)]
        state = view.find(VolumeStatus, STATE)
        status = state.spec if state else None
        run = self._read_run()
        if run.text:
            kept = read_config_file(persistent_path(self._ports.paths)).text
            return [Wanted("config", structs.replace(_acquire([(RUN_SOURCE, run)]), persistent=kept))]
        if status is None or not (status.mounted or status.phase in (VolumePhase.MISSING, VolumePhase.FAILED)):
            raise Waiting("STATE to be found or known to be missing")
        return [Wanted("config", _acquire([(RUN_SOURCE, run), *self._sources(status.mounted)]))]

    def _read_run(self) -> SourceText:
        """Return this boot's configuration, unless it cannot be used (then the others are asked)."""
        found = read_config_file(active_path(self._ports.paths))
        if not found.text:
            return found
        problems = load(found.text).problems
        return SourceText(problem=f"{problems[0]}") if problems else found

    def _sources(self, state_mounted: bool) -> list[tuple[str, SourceText]]:
        readers: dict[str, Callable[[], SourceText]] = {
            IMAGE_SOURCE: lambda: read_config_file(self._ports.paths.image_config),
            CMDLINE_SOURCE: lambda: read_cmdline(self._ports.cmdline),
        }
        if state_mounted:
            readers = {STATE_SOURCE: lambda: read_config_file(self._ports.paths.state_config)} | readers
        return [(name, reader()) for name, reader in readers.items()]


def _acquire(sources: Iterable[tuple[str, SourceText]]) -> AcquiredConfiguration:
    """Return what the sources give together."""
    merged: dict[str, Document] = {}
    used: list[str] = []
    tried: list[str] = []
    problems: list[str] = []
    whole = ""
    for name, source in sources:
        tried.append(name)
        if source.problem:
            problems.append(f"{name}: {source.problem}")
        if not source.text:
            continue
        loaded = load(source.text, name)
        found = loaded.problems or tuple(find_conflicts(loaded.documents))
        if found:
            problems += map(str, found)
            continue
        merged = {document.title: document for document in loaded.documents} | merged
        whole = "" if used else source.text
        used.append(name)
        if is_complete(tuple(merged.values())):
            break
    documents = tuple(merged.values())
    yaml = whole or render_documents(documents)
    complete = is_complete(documents)
    return AcquiredConfiguration(
        yaml=yaml,
        persistent=yaml if complete else "",
        source="+".join(used),
        complete=complete,
        tried=tuple(tried),
        problems=tuple(problems),
    )
