-- List the files that no version ever knew, and that were written before a moment.
-- Inputs   database lake; $older_than  the moment
-- Output   (path), one row a file
FROM ducklake_delete_orphaned_files('lake', dry_run => true, older_than => $older_than)
