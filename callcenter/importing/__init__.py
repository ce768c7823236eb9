"""Takes files of customers and orders in: reading them, the work on their rows, and the process for it."""
