"""Requests: submitted, checked, decided, carried out; what grants reserve, quotas, forms, surveys."""
