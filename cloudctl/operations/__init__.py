"""One file, one use case, one transaction owner; every door calls these."""
