"""Takedown: removes posts from everything that is kept."""
