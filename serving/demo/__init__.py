"""A page on which a person teaches a served model: `metazoo serve --demo`."""
