"""A node's API from a program: `connect` a `Node` and call its methods; every failure is a `ClientError` with a hint."""
