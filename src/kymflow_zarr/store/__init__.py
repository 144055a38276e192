"""Bytes: paths, atomic writes, many small reads, locks, and the formats of files."""
