"""Gets the fault fixed: turns alerts into work orders and follows them from intake to archive.

The decisions (`opening`, `order`, `sla`) are pure; `store` keeps them. It never judges readings.
"""
