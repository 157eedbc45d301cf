"""The scenario: its model, how it is loaded, validated and explained, and the data."""
