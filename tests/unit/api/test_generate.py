"""The generated messages are what the `.proto` files say."""

import pytest

from api.proto import generate


def test_generated_is_current() -> None:
    pytest.importorskip("grpc_tools", reason="the protocol compiler is a development dependency")
    there = {path.name: path.read_text() for path in generate.TARGET.glob("*_pb2.py*")}
    assert there == generate.render(), "run: python -m api.proto.generate"
