-- Find the whole numbers among params that would lose digits in the type of their column.
-- Inputs     none
-- Fragments  {source}     reads (params_hash, params)
--            {pointers}   list of the JSON pointers of keys that hold numbers
--            {is_double}  list: whether some of them are fractions: the column would be DOUBLE
-- Output     (pointer), one row per key that has at least one such number
SELECT DISTINCT pointer
FROM (
    SELECT
        unnest({pointers}::VARCHAR[]) AS pointer,
        unnest({is_double}::BOOLEAN[]) AS is_double,
        unnest(json_extract_string(params, {pointers}::VARCHAR[])) AS number
    FROM {source}
)
WHERE
    number IS NOT NULL
    -- DOUBLE keeps 15 digits of any number, and some numbers of 16.
    AND CASE
        WHEN is_double THEN regexp_full_match(number, '-?[0-9]{{16,}}')
        ELSE try_cast(number AS BIGINT) IS NULL
    END
