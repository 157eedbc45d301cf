"""What is called: wire types, transport, gateway and Ollama."""
