"""BANDE's experiments, one file a claim."""
