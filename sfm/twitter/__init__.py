"""X's API: the only package that knows its versions, words and errors. No Flask, no database."""
