"""Modules of examples/load.py, from the bottom: `tally`, `wire`, `speech`, `metronome`, `call`, `fleet`, `apart`."""
