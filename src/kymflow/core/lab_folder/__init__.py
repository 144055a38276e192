"""Lab folders."""
