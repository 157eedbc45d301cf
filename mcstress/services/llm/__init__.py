"""The LLM that parses and judges."""
