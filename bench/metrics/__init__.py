"""Metrics of a farm in the exposition format of Prometheus, queried at each scrape."""
