"""One file, one use case, one transaction owner, in one room a subject; every door calls these."""
