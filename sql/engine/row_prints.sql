-- Take a fingerprint of the rows that a relation holds of each image, whatever their order.
-- Inputs     rows  relation with the column image_id
-- Fragments  {values}  a hash for each other column, separated by commas; 0 where it is null, so
--            that columns without values make no difference
-- Output     (image_id, rows_print), one row per image
--
-- 48 bits of each row's hash are added: a sum over a billion rows fits into 64 bits by its rest, and
-- rows that are there twice do not cancel.
SELECT
    image_id,
    CAST(sum(hash(list_bit_xor([0::UBIGINT, {values}])) >> 16) % 9223372036854775783 AS BIGINT)
        AS rows_print
FROM rows
GROUP BY image_id
