"""Tweets kept: saving, counting, searching, importing them."""
