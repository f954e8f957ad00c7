"""Parts of the soak test of a server; see `soak.py`."""
