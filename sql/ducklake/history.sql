-- List the changes of a table.
-- Inputs   database lake; variable table_name
-- Output   (version, time, author, note, kept, added, removed), one row per change, oldest first;
--          the counts are of rows, NULL where only a sidecar changed
SELECT
    snapshot_id AS version,
    snapshot_time AS time,
    author,
    commit_message AS note,
    (commit_extra_info::JSON ->> 'kept')::BIGINT AS kept,
    (commit_extra_info::JSON ->> 'added')::BIGINT AS added,
    (commit_extra_info::JSON ->> 'removed')::BIGINT AS removed
FROM ducklake_snapshots('lake')
WHERE commit_extra_info IS NOT NULL
    AND coalesce(commit_extra_info::JSON ->> 'table' = getvariable('table_name'), true)
ORDER BY version
