"""Live streams: from the connection to files that stay whole whatever happens."""
