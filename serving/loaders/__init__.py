"""Loads an export in a process that has TensorFlow and nothing else."""
