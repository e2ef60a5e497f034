"""A node's API from a program: `connect` a `Node` and call its methods; every failure is a `ClientError` with a hint."""

import os

# gRPC writes every failed handshake to standard error; what happened is in the exception, in better words.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
