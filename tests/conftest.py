"""Shared fixtures; its presence puts `tests/` on the import path, so tests may import `tiny`."""
