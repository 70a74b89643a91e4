"""Names that pages and runs of links share."""

KIND = "fetch_urls"
