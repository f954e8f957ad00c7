"""The command line, `metazoo`; each command is a module of its own."""

from metazoo.cli.app import main

__all__ = ["main"]
