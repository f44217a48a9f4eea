"""Scores readings: how unusual is this value for this series, as a number and a calibrated p-value.

Everything here is deterministic and on event time: arrays in, arrays out, no clock and no I/O. It never decides
whether anybody is told: thresholds are policy and live in `alerts`.
"""
