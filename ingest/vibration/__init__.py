"""Vibration as an accelerometer records it, reduced at the door to the numbers that the field trends.

Pure: a waveform and what is known about the machine in, features out. It measures and never judges.
"""
