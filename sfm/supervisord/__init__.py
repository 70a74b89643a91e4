"""Supervisord: its configuration for our collectors, and what we ask of it while it runs."""
