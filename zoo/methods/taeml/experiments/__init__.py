"""Experiments of TAEML, one module each."""
