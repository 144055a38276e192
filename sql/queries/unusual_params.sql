-- Which images were analysed with other params than most, and what differs.
-- Tables   kym_images, kym_analysed, kym_velocity_events_params, kym_velocity_events_runs
-- Output   image_id; source_path; params_hash; n_alike: images with exactly these params; differs: for
--          each key the usual value → this one, `–` if there is none
-- Plot     bar, x=differs
WITH used AS (
    SELECT runs.image_id, runs.params_hash, params.params
    FROM kym_velocity_events_runs AS runs
    JOIN kym_velocity_events_params AS params ON runs.params_hash = params.params_hash
    WHERE runs.image_id IN (SELECT image_id FROM kym_analysed)
),

variants AS (
    SELECT
        params_hash,
        params,
        count(*) AS n_alike,
        row_number() OVER (ORDER BY count(*) DESC, params_hash) = 1 AS usual
    FROM used
    GROUP BY params_hash, params
),

leaves AS (
    -- An array is one value.
    SELECT
        variants.params_hash,
        variants.usual,
        substr(leaf.fullkey, 3) AS key,
        coalesce(leaf.value::VARCHAR, 'null') AS value
    FROM variants, json_tree(variants.params) AS leaf
    WHERE
        leaf.type <> 'OBJECT' AND NOT regexp_matches(leaf.fullkey, '\[[0-9]+\](\.|\[|$)')
),

compared AS (
    SELECT params_hash, key, value AS own_value, NULL AS usual_value
    FROM leaves
    WHERE NOT usual
    UNION ALL
    SELECT variants.params_hash, leaves.key, NULL, leaves.value
    FROM variants
    CROSS JOIN leaves
    WHERE NOT variants.usual AND leaves.usual
),

differing AS (
    SELECT
        params_hash,
        key,
        coalesce(max(usual_value), '–') AS usual_value,
        coalesce(max(own_value), '–') AS own_value
    FROM compared
    GROUP BY params_hash, key
    HAVING max(usual_value) IS DISTINCT FROM max(own_value)
),

described AS (
    SELECT
        params_hash,
        string_agg(key || ': ' || usual_value || ' → ' || own_value, ', ' ORDER BY key) AS differs
    FROM differing
    GROUP BY params_hash
)

SELECT
    used.image_id,
    images.source_path,
    used.params_hash,
    variants.n_alike,
    described.differs
FROM used
JOIN variants ON used.params_hash = variants.params_hash AND NOT variants.usual
LEFT JOIN described ON used.params_hash = described.params_hash
LEFT JOIN kym_images AS images ON used.image_id = images.image_id
ORDER BY variants.n_alike, used.params_hash, images.source_path, used.image_id
