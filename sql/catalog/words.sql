-- List the words of queries: SQL's keywords, and the functions that can be called by name.
-- Tables   none; DuckDB's own lists
-- Output   word, kind (keyword, function), sorted
SELECT
    upper(keyword_name) AS word,
    'keyword' AS kind
FROM duckdb_keywords()
UNION
SELECT
    function_name AS word,
    'function' AS kind
FROM duckdb_functions()
WHERE regexp_full_match(function_name, '[a-z]\w*')
ORDER BY kind, word
