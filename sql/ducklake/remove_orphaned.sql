-- Remove files that no version ever knew, and that were written before a moment.
-- Inputs   database lake; $older_than  the moment
-- Output   how many files were removed
SELECT count(*)
FROM ducklake_delete_orphaned_files('lake', older_than => $older_than)
