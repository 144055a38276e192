-- Remove files that no version needs since a moment or longer.
-- Inputs   database lake; $older_than  the moment
-- Output   how many files were removed
SELECT count(*)
FROM ducklake_cleanup_old_files('lake', older_than => $older_than)
