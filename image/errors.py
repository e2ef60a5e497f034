"""What goes wrong while an image is built, told to the user.

    Exception
    └── ImageError        message + hint: something the user can change (a missing tool, a bad option, a mirror)
        └── CommandError  a program failed: its argv and the end of its output

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations


class ImageError(Exception):
    """A failure that the user can do something about; `hint` says what."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class CommandError(ImageError):
    """A program ended badly or did not end in time."""
