"""Networks under other norms of their hidden weights."""
