"""From the stores to the datasets of the reports; every question is asked of a store below."""
