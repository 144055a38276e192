-- Show params as JSON and each key of them as a column.
-- Inputs   none
-- Fragments   {source}    reads (params_hash, params): one row a distinct params
--          {pointers}  list of the JSON pointers of the keys
--          {columns}   select list over text[n] and json[n], the value at the n-th pointer
-- Output   params_hash, params, and the columns
--
-- Lists, because one call with many pointers parses the JSON once.
SELECT params_hash, params, {columns}
FROM (
    SELECT
        params_hash,
        params,
        json_extract_string(params, {pointers}) AS text,
        json_extract(params, {pointers}) AS json
    FROM {source}
)
