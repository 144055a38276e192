"""SQL over Parquet files: read-only, locked down, and each file as it was when first opened."""
