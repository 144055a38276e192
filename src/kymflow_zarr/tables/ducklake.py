"""Tables in a DuckLake: transactions, snapshots, Parquet files with deletes beside them."""
