-- Find the keys of params, and the type of each over all of them.
-- Inputs   none
-- Fragments   {source}  reads (params_hash, params)
-- Output   one JSON text: an object as nested as the params, each value a type; NULL without params
SELECT json_group_structure(params::JSON)
FROM {source}
