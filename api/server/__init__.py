"""The face of a node: gRPC on port 50000, as an unprivileged process that knows the brain only through its socket.

Start at `face.py` (the process), then `gate.py` (who may call) and `handlers.py` (how a service is made of a descriptor).
"""
