"""Runs the command line: `python -m metazoo`."""

import sys

from metazoo.cli import main

sys.exit(main())
