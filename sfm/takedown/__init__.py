"""Deletion duty: takes a tweet out of everything that is kept."""
