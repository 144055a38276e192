"""Read-only SQL over a dataset's tables."""
