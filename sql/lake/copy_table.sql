-- Write a table of a lake as one Parquet file.
-- Inputs   none
-- Fragments   {table}  the table; {output}  path to write, as a text
-- Output   the file; a row with the number of rows written
COPY (FROM {table}) TO {output} (FORMAT parquet, COMPRESSION zstd)
