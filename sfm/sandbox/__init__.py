"""X as it answers, on a port of its own. Imports nothing else of sfm and is never mounted in it."""
