"""Who acts: personas, their phases, the scenario, and what bob needs from alice."""
