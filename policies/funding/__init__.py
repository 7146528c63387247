"""Funding: yearly budgets against what was settled, holds that finance decides on, savings carried out."""
