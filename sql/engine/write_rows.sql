-- Write a table from new rows alone.
-- Inputs   $parts  paths of the files with the rows; $output  path to write
-- Fragments   {added}  select list over the rows
-- Output   a Parquet file; a row with the number of rows written
COPY (
    SELECT {added}
    FROM read_parquet($parts, union_by_name = true, hive_partitioning = false) AS new
) TO $output (FORMAT parquet, COMPRESSION zstd)
