"""What is measured. Pure functions of events: knows neither Locust nor HTTP."""
