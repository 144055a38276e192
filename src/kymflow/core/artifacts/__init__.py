"""What lies in an image: the contract of importer, detector, review, indexers and plots."""
