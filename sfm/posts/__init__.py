"""Posts: saving, counting, searching and importing them."""
