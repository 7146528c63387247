"""What units ask for: requests and their course, the technical check, quotas, asked against granted, surveys."""
