"""Readings over MQTT: a client of another broker (`input`), or the embedded one (`broker`).

A message is handed over at once and acknowledged once it is durable; what it says is read elsewhere.
"""
