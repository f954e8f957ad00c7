"""Experiments of CAML, one module each."""
