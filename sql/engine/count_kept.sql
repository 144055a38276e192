-- Count the rows of a table file that a replacement would keep.
-- Inputs   $table  path of the table file; replaced  relation (key): the keys to be replaced
-- Holes    {key}   the quoted key column
-- Output   one number
SELECT count(*)
FROM read_parquet($table) AS old
WHERE NOT EXISTS (FROM replaced WHERE replaced.key IS NOT DISTINCT FROM old.{key})
