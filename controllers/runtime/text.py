"""Text from outside, made fit for a terminal and a log."""

from __future__ import annotations


def make_printable(text: str) -> str:
    """Return a text with a question mark for every character that could confuse a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
