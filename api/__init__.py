"""Shows what the other stages know: the JSON API, the event stream and the console in the browser.

It decides nothing about readings, alerts or orders: it asks their stores, and it decides who may ask (`guard`).
"""
