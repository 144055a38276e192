-- Write a table from new rows alone.
-- Inputs   $output  path to write
-- Fragments   {added}  select list over the rows; {new_rows}  what stands for them after FROM
-- Output   a Parquet file; a row with the number of rows written
COPY (
    SELECT {added}
    FROM {new_rows} AS new
) TO $output (FORMAT parquet, COMPRESSION zstd)
