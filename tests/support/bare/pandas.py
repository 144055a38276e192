"""Stands before the real pandas in child processes, and says that there is none."""

raise ImportError("the tests' child processes live without pandas")
