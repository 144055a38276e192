-- Show the events that count: no candidates unless a person confirmed them, and none rejected.
-- Inputs     none
-- Fragments  {columns}   what to show
--            {events}    relation with user_type, candidate, and what {rejected} needs
--            {rejected}  whether a person rejected an event
-- Output     the columns
--
-- Any label but `unreviewed` is a confirmation. Labels are looked at for candidates alone: these
-- are few, and texts cost more than flags.
SELECT {columns}
FROM {events}
WHERE
    ({rejected}) IS NOT TRUE
    AND CASE
        WHEN candidate THEN lower(trim(coalesce(user_type, ''))) NOT IN ('', 'unreviewed')
        ELSE true
    END
