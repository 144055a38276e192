-- Choose rows of a listing, in an order.
-- Inputs     none
-- Fragments  {rows}   the listing
--            {where}  the condition, on a line of its own: it may end in a comment
--            {order}  the clause that sorts them, if any
-- Output     the rows
SELECT *
FROM ({rows})
WHERE (
    {where}
)
{order}
