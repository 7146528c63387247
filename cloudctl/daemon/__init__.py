"""Time's door: scheduled jobs, their record, and the metrics endpoint."""
