"""Bytes: paths, atomic writes, many small reads, locks, and the forms that data takes on disk."""
