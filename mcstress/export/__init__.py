"""Metrics for other systems, while a run goes on: Prometheus asks for them, OTLP is sent them."""
