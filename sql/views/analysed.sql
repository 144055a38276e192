-- List the traces that were searched for events, and when in the recording they lie.
-- Inputs     none
-- Fragments  {images}    relation (image_id, params_hash, seconds_per_line, duration_s)
--            {metadata}  relation (params_hash, params): the JSON of the images' metadata
--            {events}    relation (image_id, roi_id, channel): all events, candidates included
--            {runs}      relation (image_id, params_hash, status): the last run of each image
--            {params}    relation (params_hash, params): the JSON behind the runs' hashes
-- Output     (image_id, roi_id, channel, start_s, end_s, duration_s), one row per image, ROI and
--            channel; times are NULL where the scale is not known
--
-- An image was analysed if its last run did not fail and found something to index: an image with
-- neither params nor events has the params `null`. Nothing else that is on record of the run
-- matters, and where nothing is on record, rows are proof enough. Its traces are the ROIs of its
-- metadata and those that hold events; if there are none, ROI 1 of channel 1.
WITH ran AS (
    SELECT
        runs.image_id,
        runs.status IS DISTINCT FROM 'failed' AND params.params IS DISTINCT FROM 'null' AS done
    FROM {runs} AS runs
    LEFT JOIN {params} AS params ON runs.params_hash = params.params_hash
),

found AS (
    -- Older files that name no ROI mean the first.
    SELECT DISTINCT image_id, coalesce(roi_id, 1) AS roi_id, channel
    FROM {events}
),

analysed AS (
    SELECT image_id
    FROM ran
    WHERE done
    UNION
    SELECT found.image_id
    FROM found
    ANTI JOIN ran ON found.image_id = ran.image_id
),

scaled AS (
    SELECT
        analysed.image_id,
        images.params_hash,
        CASE WHEN isfinite(images.seconds_per_line) THEN images.seconds_per_line END AS line_s,
        CASE WHEN images.duration_s > 0 AND isfinite(images.duration_s) THEN images.duration_s END
            AS duration_s
    FROM analysed
    LEFT JOIN {images} AS images ON analysed.image_id = images.image_id
),

regions AS (
    -- What does not fit becomes NULL.
    SELECT
        params_hash,
        unnest(
            json_transform(
                params,
                '{{"rois": [{{
                    "roi_id": "INTEGER", "id": "INTEGER", "channel": "INTEGER",
                    "y0": "DOUBLE", "y1": "DOUBLE", "dim0_start": "DOUBLE", "dim0_stop": "DOUBLE",
                    "data": {{"y0": "DOUBLE", "y1": "DOUBLE"}}
                }}]}}'
            ).rois
        ) AS roi
    FROM {metadata}
),

listed AS (
    SELECT
        scaled.image_id,
        coalesce(regions.roi.roi_id, regions.roi.id) AS roi_id,
        coalesce(regions.roi.channel, 1) AS channel,
        coalesce(regions.roi.y0, regions.roi.data.y0, regions.roi.dim0_start) AS first_line,
        coalesce(regions.roi.y1, regions.roi.data.y1, regions.roi.dim0_stop) AS last_line
    FROM scaled
    JOIN regions ON scaled.params_hash = regions.params_hash
    WHERE coalesce(regions.roi.roi_id, regions.roi.id) IS NOT NULL
),

usual AS (
    SELECT image_id, roi_id, min(channel) AS channel
    FROM listed
    GROUP BY image_id, roi_id
),

traces AS (
    SELECT image_id, roi_id, channel, first_line, last_line
    FROM listed
    UNION ALL
    -- An event that names no channel is of the ROI's own.
    SELECT
        found.image_id,
        found.roi_id,
        coalesce(found.channel, usual.channel, 1) AS channel,
        NULL AS first_line,
        NULL AS last_line
    FROM found
    LEFT JOIN usual ON found.image_id = usual.image_id AND found.roi_id = usual.roi_id
),

merged AS (
    SELECT
        image_id,
        roi_id,
        channel,
        min(first_line) AS first_line,
        max(last_line) AS last_line
    FROM traces
    GROUP BY image_id, roi_id, channel
),

placed AS (
    SELECT
        scaled.image_id,
        coalesce(merged.roi_id, 1) AS roi_id,
        coalesce(merged.channel, 1) AS channel,
        scaled.duration_s AS whole_s,
        greatest(merged.first_line * scaled.line_s, 0) AS start_s,
        least(merged.last_line * scaled.line_s, scaled.duration_s) AS end_s
    FROM scaled
    LEFT JOIN merged ON scaled.image_id = merged.image_id
)

SELECT
    image_id,
    roi_id,
    channel,
    CASE WHEN start_s < end_s THEN start_s WHEN whole_s > 0 THEN 0 END AS start_s,
    CASE WHEN start_s < end_s THEN end_s ELSE whole_s END AS end_s,
    CASE WHEN start_s < end_s THEN end_s - start_s ELSE whole_s END AS duration_s
FROM placed
