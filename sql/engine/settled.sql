-- Pair images with their runs, for those that are fresh by the ledger alone.
--
-- Inputs   current  relation (place, key): images in the dataset that may be fresh; place: the
--                   number of the image; key: a hash of its id and params
--          ledger   relation (run, key): runs that went well at this version; run: the number of
--                   the run
-- Output   (place, run), one row per image with a run of the same key
--
-- Numbers in, numbers out: a million texts of ids and hashes would have to be copied for DuckDB
-- and back. The caller compares them for the pairs found, so that no collision counts.
SELECT current.place, ledger.run
FROM current
JOIN ledger ON current.key = ledger.key
