"""The sample store: append-only Parquet, its manifest, and the questions asked of it."""
