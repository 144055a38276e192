-- Write a table anew: the old rows of every key that is not replaced, then the new rows.
-- Inputs   $table   path of the old table file; $parts  paths of the files with the new rows;
--          $output  path to write; replaced  relation (key): the keys to be replaced
-- Holes    {key}   the quoted key column
--          {kept}  select list over the old rows, {added}  over the new: same columns, same types
-- Output   a Parquet file; a row with the number of rows written
--
-- A hash join does not keep the order of its rows, and one image's rows must stay together and in
-- order: hence the sort by position, nearly free on rows that are nearly sorted.
COPY (
    (
        SELECT {kept}
        FROM read_parquet($table, file_row_number = true) AS old
        WHERE NOT EXISTS (FROM replaced WHERE replaced.key IS NOT DISTINCT FROM old.{key})
        ORDER BY old.file_row_number
    )
    UNION ALL
    SELECT {added}
    FROM read_parquet($parts, union_by_name = true) AS new
) TO $output (FORMAT parquet, COMPRESSION zstd)
