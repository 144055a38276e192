-- List what was done to a table.
-- Inputs   database lake; variable table_name
-- Output   (version, time, author, note, kept, added, removed), one row a change, the first first;
--          the counts are of rows, null where only what is kept beside the table changed
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
