"""What is called over the network, as typed calls that return steps."""
