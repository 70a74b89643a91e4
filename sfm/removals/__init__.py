"""Which posts were removed for good, and what is left of a record that holds one."""
