"""Files of the user: read with clear errors, written whole or not at all."""

import os
import sys
from pathlib import Path

from api.client.errors import ClientError

READ_LIMIT = 16 << 20  # bytes


class FileError(ClientError):
    """A file cannot be read or written."""


def read_text(path: str | Path) -> str:
    """Return a file's text; `-` is standard input. Raises `FileError`."""
    name = str(path)
    try:
        if name == "-":
            data = sys.stdin.buffer.read(READ_LIMIT + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(READ_LIMIT + 1)
    except OSError as error:
        raise FileError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > READ_LIMIT:
        raise FileError(f"{name} is larger than {READ_LIMIT >> 20} MiB", "no configuration is that large")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FileError(f"{name} is not UTF-8 text") from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all. Raises `FileError`."""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None


def check_absent(paths: list[Path]) -> None:
    """Raise `FileError` when one of the files is there already."""
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise FileError(f"{', '.join(there)}: there already", "--force overwrites")
