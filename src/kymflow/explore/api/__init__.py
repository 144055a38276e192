"""What the page may ask, by subject; each module lists its routes."""
