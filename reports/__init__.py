"""What finance, the panel and a unit read."""
