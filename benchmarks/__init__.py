"""The asv suite. Its modules mirror those of the package; `peers` modules compare with other libraries.

    inputs     fixed inputs, made from a seed
    common     measuring times, skipping of absent peers
    codec, audio, state, telephony, analysis, imports
               this library alone, for comparing commits
    peers, peers_audio, peers_analysis
               the same tasks by other libraries, in the same run, down to an empty call
    memory, whole_call
               memory of events, and CPU time per second of a phone bridge, with peers
    report     runs asv and prints the peers' ratios (`make bench`)
    document   writes docs/benchmarks.md and its plots (`make bench-report`)

Benchmarks of microseconds have no `setup`: with one, asv times each call alone, and reading the clock would
dominate. Their calls are built once, when the module is imported.
"""
