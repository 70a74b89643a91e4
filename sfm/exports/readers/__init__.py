"""Where the posts of an export are read from: database, lists of ids, stream files."""
