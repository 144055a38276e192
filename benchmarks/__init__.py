"""Benchmarks: each phase against the least work it could do."""
