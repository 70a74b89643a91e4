"""How the collection stands: wanted and real, side by side."""
