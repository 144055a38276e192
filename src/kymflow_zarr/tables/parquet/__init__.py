"""Tables as one plain Parquet file each, replaced whole."""
