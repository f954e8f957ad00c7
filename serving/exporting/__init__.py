"""Writes learners as version folders, and checks them first."""
