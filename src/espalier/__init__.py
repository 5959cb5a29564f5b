"""Espalier: how much of which fine-tuning data, in which mix, in which order, for which model."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("espalier")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
