"""What is put beside the data: readme, provenance, checksums."""
