"""One verb per file; each has `command`."""
