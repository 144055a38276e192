"""Work over many images: here, in local processes, or on any executor."""
