-- Copy a table unchanged.
-- Inputs   $table  path of the table file; $output  path to write
-- Output   a Parquet file
COPY (FROM read_parquet($table)) TO $output (FORMAT parquet, COMPRESSION zstd)
