"""Tables kept as plain Parquet files, one per table, each replaced whole."""
