"""The gateway of the retrieval system under test: client, schema, validation."""
