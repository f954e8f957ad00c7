"""Bases that methods derive from, by what they adapt."""
