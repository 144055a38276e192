"""Images: their pixels and their artifacts."""
