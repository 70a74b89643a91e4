"""X's query and rule language: reading it, checking it, and matching posts against it."""
