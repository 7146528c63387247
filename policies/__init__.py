"""Rules and judgements: quota, under-use, sizing, funding and the panel's case."""
