-- Write a table from new rows alone.
-- Inputs     $output  path to write
-- Fragments  {added}     select list over the rows
--            {new_rows}  the relation of the rows
--            {options}   further options of the COPY, each after a comma
-- Output     a Parquet file; a row with the number of rows written
COPY (
    SELECT {added}
    FROM {new_rows} AS new
) TO $output (FORMAT parquet, COMPRESSION zstd{options})
