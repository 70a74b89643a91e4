"""The formats that an export is written in, and the proof of what was written."""
