"""Collecting timelines: one account, or all of them."""
