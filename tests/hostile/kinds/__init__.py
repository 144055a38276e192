"""One hostile dataset in each file: ``make(place)`` turns an honest one into it.

A file may also say ``IN``: the kinds of tables that it is about, ``("plain", "lake")`` by default;
and ``READS``: that what its links lead to is read, as a lab's own links are.
"""
