-- Count the files that hold a lake's tables now, those with deletes included.
-- Inputs   database lake
-- Output   one number
SELECT coalesce(sum(file_count + delete_file_count), 0)
FROM ducklake_table_info('lake')
