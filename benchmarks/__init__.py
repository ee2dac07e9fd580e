"""The asv suite. Its modules mirror those of the package; `peers` puts others beside them.

    inputs     the fixed inputs, made from a seed
    common     how long each thing is measured, and what is left out where a peer is missing
    codec, audio, state, telephony, analysis, imports
               this library alone: what asv follows from commit to commit
    peers, peers_audio, peers_analysis
               the same work by others, in the same run, down to doing nothing
    memory, whole_call
               bytes that events keep, and CPU for a second of a phone bridge, theirs beside ours
    report     runs asv and prints the peers' ratios (`make bench`)
    document   writes docs/benchmarks.md and its plots of the same results (`make bench-report`)

A benchmark has no `setup`: with one, asv times each call alone, and its clock would be most
of what a microsecond's work seems to cost. Calls are built once, when the module is imported.
"""
