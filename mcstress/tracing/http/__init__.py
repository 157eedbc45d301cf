"""HTTP to whoever collects traces: client, proxy, answers, and how bodies are filled."""
