"""Where a configuration can come from at boot, in order: this boot's run directory, STATE, the image, the command line.

The run directory holds what is in force since the last apply, so that a brain that was restarted goes on with that and
not with what is staged for the next boot. Every source is bounded and may be broken: the reader gets text or a problem.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from controllers.config.yamltree import MAX_BYTES
from controllers.ports import Paths

CMDLINE_KEY = "ophite.config"
_ANY_HEADER = 47
"""zlib's window bits that take gzip and zlib headers alike (zlib manual, inflateInit2)."""


class SourceText(NamedTuple):
    """What a source gave: text (empty: nothing there) or what was wrong."""

    text: str = ""
    problem: str = ""


def active_path(paths: Paths) -> Path:
    """Return where the configuration in force is kept until the next boot."""
    return paths.run / "config.yaml"


def persistent_path(paths: Paths) -> Path:
    """Return where the configuration that STATE shall hold is kept meanwhile; STATE may not exist yet."""
    return paths.run / "config-persistent.yaml"


def read_config_file(path: Path) -> SourceText:
    """Return the text of a configuration file; a file that is not there is nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return SourceText()
    except OSError as error:
        return SourceText(problem=f"{path}: {error.strerror or error}")
    return _text(data, str(path))


def read_cmdline(cmdline: Mapping[str, str]) -> SourceText:
    """Return the text of `ophite.config=`: base64 of YAML, gzip tolerated. Unpacks at most 1 MiB."""
    value = cmdline.get(CMDLINE_KEY, "")
    if not value:
        return SourceText()
    packed = value.translate(str.maketrans("-_", "+/"))
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        if data.startswith(b"\x1f\x8b"):
            data = zlib.decompressobj(_ANY_HEADER).decompress(data, MAX_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        return SourceText(problem=f"{CMDLINE_KEY}: not base64 of (gzip of) YAML: {error}")
    return _text(data, CMDLINE_KEY)


def _text(data: bytes, name: str) -> SourceText:
    if len(data) > MAX_BYTES:
        return SourceText(problem=f"{name}: more than {MAX_BYTES} bytes")
    try:
        return SourceText(text=data.decode())
    except UnicodeDecodeError:
        return SourceText(problem=f"{name}: not UTF-8")
