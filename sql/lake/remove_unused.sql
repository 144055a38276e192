-- Remove files that no version needs since a moment or longer.
-- Inputs   database lake; $older_than  the moment
-- Output   one row a file removed
CALL ducklake_cleanup_old_files('lake', older_than => $older_than)
