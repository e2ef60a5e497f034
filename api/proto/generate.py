"""Make `api/generated` from the `.proto` files: `python -m api.proto.generate`.

The protocol compiler names imports after the proto package (`ophite.v1`); the modules live in `api.generated`, so that
one name is replaced in what it writes. Services are read from descriptors at run time, so no gRPC stubs are generated.
Needs `grpcio-tools`. `tests/unit/api/test_generate.py` proves that the result is current.
"""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

SOURCE = Path(__file__).parent
TARGET = SOURCE.parent / "generated"
PACKAGE = "ophite/v1"

# What is changed in the compiler's output: the package's name; and its own version, with the check of the runtime's, so
# that two releases of the compiler that mean the same write the same.
_CHANGES = (
    (re.compile(r"^from ophite\.v1 import", re.MULTILINE), "from api.generated import"),
    (re.compile(r"^# Protobuf Python Version: .*\n", re.MULTILINE), ""),
    (re.compile(r"^from google\.protobuf import runtime_version .*\n", re.MULTILINE), ""),
    (re.compile(r"^_runtime_version\.Validate[^)]*\)\n", re.MULTILINE), ""),
)


def render() -> dict[str, str]:
    """Return the text of every generated file by its name. Raises `RuntimeError` when the compiler refuses."""
    from grpc_tools import protoc

    names = sorted(path.name for path in SOURCE.glob("*.proto"))
    with TemporaryDirectory() as directory:
        include = Path(protoc.__file__).parent / "_proto"
        flags = [f"-I{PACKAGE}={SOURCE}", f"-I{include}", f"--python_out={directory}", f"--pyi_out={directory}"]
        if protoc.main(["protoc", *flags, *(f"{PACKAGE}/{name}" for name in names)]) != 0:
            raise RuntimeError("the protocol compiler refused; it said why above")
        made = sorted((Path(directory) / PACKAGE).iterdir())
        return {path.name: _change(path.read_text()) for path in made}


def _change(text: str) -> str:
    for pattern, new in _CHANGES:
        text = pattern.sub(new, text)
    return text


def main() -> None:
    """Write the files, and remove those that no longer have a source."""
    files = render()
    for old in TARGET.glob("*_pb2.py*"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (TARGET / name).write_text(text)
    sys.stdout.write(f"{len(files)} files in {TARGET}\n")


if __name__ == "__main__":
    main()
