"""Benchmarks: each measures ours beside a peer or a floor in the same run, as a ratio."""
