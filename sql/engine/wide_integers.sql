-- Find the whole numbers among params that do not fit into 64 bits.
-- Inputs   $pointers  JSON pointers of keys that hold whole numbers
-- Fragments   {source}   reads (params_hash, params)
-- Output   (pointer), one row for each that has at least one such number
SELECT DISTINCT pointer
FROM (
    SELECT
        unnest($pointers::VARCHAR[]) AS pointer,
        unnest(json_extract_string(params, $pointers::VARCHAR[])) AS number
    FROM {source}
)
WHERE number IS NOT NULL AND try_cast(number AS BIGINT) IS NULL
