"""Decides which scores become alerts, follows their states, and tells people.

The decisions (`alert`, `policy`) are pure; the edge (`store`, `notify`) keeps and sends them. It never opens a work
order: that is `workorders`.
"""
