"""What each report says, as frozen values: free of language, format and database."""
