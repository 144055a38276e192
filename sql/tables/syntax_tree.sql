-- Parse a query without running it.
-- Inputs   $query  its text
-- Output   one text: its syntax tree as JSON, or why it has none
SELECT json_serialize_sql($query::VARCHAR)
