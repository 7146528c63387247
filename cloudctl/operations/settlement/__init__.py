"""The month with the finance department: tariffs, budgets, holds, and one act of the settlement a file."""
