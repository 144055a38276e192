-- Write a table from new rows alone.
-- Inputs     $output  path to write
-- Fragments  {new_rows}  SELECT of the rows
--            {options}   further options of the COPY, each after a comma
-- Output     a Parquet file; a row with the number of rows written
COPY ({new_rows}) TO $output (FORMAT parquet, COMPRESSION zstd{options})
