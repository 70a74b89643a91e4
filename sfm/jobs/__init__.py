"""The schedule and the worker that carries out queued runs."""
