"""Encoders and readers of binary formats: pure functions of bytes, without side effects."""
