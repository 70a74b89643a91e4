"""Exports: what is kept here, handed on as files that finish and prove it."""
