"""Runs: what is done in the background or by command, as rows that anyone can watch."""
