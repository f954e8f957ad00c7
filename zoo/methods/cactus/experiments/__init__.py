"""Rows of CACTUs's experiments."""
