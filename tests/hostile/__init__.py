"""Datasets as somebody hostile would make them, opened by every door there is."""
