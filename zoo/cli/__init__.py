"""The command line, `metazoo`; each command is a module of its own."""

from metazoo.cli.main import main

__all__ = ["main"]
