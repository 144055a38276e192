"""People's work on events, and how it outlives a new detection."""
