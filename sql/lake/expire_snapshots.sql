-- Forget the versions of a lake that are older than a moment, but for the newest.
-- Inputs   database lake; $older_than  the moment
-- Output   one row a version forgotten
CALL ducklake_expire_snapshots('lake', older_than => $older_than)
