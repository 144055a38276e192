-- Forget the versions of a lake that are older than a moment, but for the newest.
-- Inputs   database lake; $older_than  the moment
-- Output   how many versions were forgotten
SELECT count(*)
FROM ducklake_expire_snapshots('lake', older_than => $older_than)
