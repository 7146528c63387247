"""Schema migrations, one tree for all tables."""
