-- Count the images last run at this analysis_version by code other than today's.
-- Inputs   ledger  relation with (status, analysis_version, code_hash)
--          $analysis_version, $code_hash  of the indexer now
-- Output   one number
SELECT count(*)
FROM ledger
WHERE
    status = 'ok'
    AND analysis_version = $analysis_version
    AND code_hash IS NOT NULL
    AND code_hash <> $code_hash
