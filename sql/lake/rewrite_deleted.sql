-- Write files again of which a tenth or more of the rows are deleted.
-- Inputs   database lake
-- Output   nothing of use
CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.1)
