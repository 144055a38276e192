"""One update: survey, decide, extract, commit."""
