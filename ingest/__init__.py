"""Listens to devices and keeps what they say.

Bytes become rows of a `ReadingBatch` here, once; nothing behind this folder parses again. It never judges a reading:
scores are made in `models`, alarms in `alerts`.
"""
