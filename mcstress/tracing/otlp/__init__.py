"""Plain OTLP over HTTP: any collector that takes OpenTelemetry traces."""
