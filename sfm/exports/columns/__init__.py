"""The columns of an export: which there are, what they hold, and how they are chosen."""
