"""What was held, what was used, what it costs, and the closed month."""
