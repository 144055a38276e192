"""Verify a dataset, and repair what is derived."""
