"""How close each phase of the engine comes to the least work it could do.

How the data flows::

    workload ──▶ stage: state of the disk ──▶ child: one phase in a fresh process ──▶ sample
    (per size)     before a phase               kymflow, floor, rival, kymflow …         │
                                                                                        ▼
    table, page, plots, compare ◀── summary: ratios, growth, goals ◀── results: one JSON file

What owns what:

===========  ===================================================================================
content      the bytes of one synthetic image
workload     a dataset of many images, and which of them are changed
decision     a table, a ledger and a survey for the decision alone, without images
cases        the list of cases: what kymflow does, what the floor is, what must be on disk before
engine       kymflow's side of every case; ``indexers`` are its users' own code
detector     both sides of the cases of event detection
velocity     both sides of the cases of velocity from pixels
floors       the least work each phase could do, in plain code
rivals       the same work, as it would be done without kymflow
stage        prepares the disk for a phase
child        runs one phase, in a process of its own
runner       the order of runs, the repetitions, the time budget
results      what was measured, and its JSON form; ``machine`` says on what
goals        every goal
summary      medians, ratios, growth, and whether goals are met
report       the table and the docs page; ``plots`` the pictures; ``compare`` two results
===========  ===================================================================================
"""
