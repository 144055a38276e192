-- Pair what each two reviewers say of the same event.
-- Inputs     none
-- Fragments  {reviews}  relation with the columns of kym_reviews
-- Output     (image_id, roi_id, channel, reviewer_a, reviewer_b, event_a, event_b: the ids that the
--            event has for each, verdict_a, verdict_b, t_start_s: the earlier of both, apart_s, s,
--            settled), one row per event and two reviewers who judged it; reviewer_a comes first in
--            the alphabet
--
-- A detected event is the same for both, and so is one that one of them added and the other judged;
-- apart_s is 0 then. Of two events that each added, one is the other if each is the nearest of the
-- other's: apart_s is the time between them, 0 or less where they overlap. Whoever asks says how far
-- apart two may be. An event added without a label was not called anything: it is held against a
-- rejection, or another without a label, and against nothing else.
WITH judged AS (
    SELECT
        image_id,
        coalesce(roi_id, 1) AS roi_id,
        coalesce(channel, 1) AS channel,
        event_id,
        reviewer,
        verdict,
        added,
        t_start_s,
        coalesce(t_end_s, t_start_s) AS end_s
    FROM {reviews}
    WHERE verdict IS NOT NULL AND reviewer <> 'external'
),

settled AS (
    SELECT DISTINCT
        image_id,
        coalesce(roi_id, 1) AS roi_id,
        coalesce(channel, 1) AS channel,
        event_id
    FROM {reviews}
    WHERE settled IS NOT NULL
),

same AS (
    SELECT
        a.image_id,
        a.roi_id,
        a.channel,
        a.reviewer AS reviewer_a,
        b.reviewer AS reviewer_b,
        a.event_id AS event_a,
        b.event_id AS event_b,
        a.verdict AS verdict_a,
        b.verdict AS verdict_b,
        least(a.t_start_s, b.t_start_s) AS t_start_s,
        0.0 AS apart_s
    FROM judged AS a
    INNER JOIN judged AS b
        ON
            a.image_id = b.image_id
            AND a.roi_id = b.roi_id
            AND a.channel = b.channel
            AND a.event_id = b.event_id
            AND a.reviewer < b.reviewer
),

-- Events that each added, but for those that the other judged as well.
met AS (
    SELECT
        a.image_id,
        a.roi_id,
        a.channel,
        a.reviewer AS reviewer_a,
        b.reviewer AS reviewer_b,
        a.event_id AS event_a,
        b.event_id AS event_b,
        a.verdict AS verdict_a,
        b.verdict AS verdict_b,
        least(a.t_start_s, b.t_start_s) AS t_start_s,
        greatest(a.t_start_s, b.t_start_s) - least(a.end_s, b.end_s) AS apart_s,
        abs(a.t_start_s - b.t_start_s) AS starts_apart_s
    FROM judged AS a
    INNER JOIN judged AS b
        ON
            a.image_id = b.image_id
            AND a.roi_id = b.roi_id
            AND a.channel = b.channel
            AND a.reviewer < b.reviewer
            AND a.added
            AND b.added
            AND a.event_id <> b.event_id
    WHERE
        isfinite(a.t_start_s)
        AND isfinite(b.t_start_s)
        AND NOT EXISTS (
            FROM same
            WHERE
                same.image_id = a.image_id
                AND same.roi_id = a.roi_id
                AND same.channel = a.channel
                AND same.reviewer_a = a.reviewer
                AND same.reviewer_b = b.reviewer
                AND same.event_a IN (a.event_id, b.event_id)
        )
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY image_id, roi_id, channel, reviewer_a, reviewer_b, event_a
            ORDER BY greatest(apart_s, 0), starts_apart_s, event_b
        ) AS place_of_b,
        row_number() OVER (
            PARTITION BY image_id, roi_id, channel, reviewer_a, reviewer_b, event_b
            ORDER BY greatest(apart_s, 0), starts_apart_s, event_a
        ) AS place_of_a
    FROM met
),

pairs AS (
    FROM same
    UNION ALL
    SELECT * EXCLUDE (starts_apart_s, place_of_b, place_of_a)
    FROM ranked
    WHERE place_of_a = 1 AND place_of_b = 1
)

SELECT
    pairs.*,
    EXISTS (
        FROM settled
        WHERE
            settled.image_id = pairs.image_id
            AND settled.roi_id = pairs.roi_id
            AND settled.channel = pairs.channel
            AND settled.event_id IN (pairs.event_a, pairs.event_b)
    ) AS settled
FROM pairs
WHERE
    verdict_a = verdict_b
    OR 'added' NOT IN (verdict_a, verdict_b)
    OR 'rejected' IN (verdict_a, verdict_b)
