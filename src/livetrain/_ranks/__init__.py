"""Several processes that train together: how they find the same run, and which of them the others wait for."""
