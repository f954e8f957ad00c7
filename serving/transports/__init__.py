"""How a client's requests travel."""
