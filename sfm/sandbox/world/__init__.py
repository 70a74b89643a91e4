"""The seeded people and posts behind the sandbox; knows nothing of HTTP."""
