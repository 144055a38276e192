"""Examples and tests of the storage layer."""
