-- Say in the history who did what, in the transaction that does it.
-- Inputs   database lake; $author, $note  texts; $extra  a JSON object: table, kept, added, removed
-- Output   nothing of use
CALL ducklake_set_commit_message('lake', $author, $note, extra_info => $extra)
