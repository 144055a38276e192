-- Count the images of a listing by the values of each of some columns.
-- Inputs     none
-- Fragments  {images}  the listing
-- Output     facet, the column's name; value; n_images; the most frequent 50 values of each
WITH counts AS (
    SELECT
        CASE grouping(condition, treatment, date, folder)
            WHEN 7 THEN 'condition'
            WHEN 11 THEN 'treatment'
            WHEN 13 THEN 'date'
            ELSE 'folder'
        END AS facet,
        coalesce(condition, treatment, date, folder) AS "value",
        count(*) AS n_images
    FROM ({images})
    GROUP BY GROUPING SETS ((condition), (treatment), (date), (folder))
)

SELECT facet, "value", n_images
FROM counts
QUALIFY row_number() OVER (PARTITION BY facet ORDER BY n_images DESC, "value") <= 50
ORDER BY facet, n_images DESC, "value" NULLS LAST
