"""The demonstration: one month of a fictitious city on the simulated cloud, by ordinary operations alone."""
