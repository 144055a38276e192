-- Merge files that were written one after the other, up to the size that files should have.
-- Inputs   database lake
-- Output   nothing of use
CALL ducklake_merge_adjacent_files('lake')
