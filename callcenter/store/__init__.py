"""The store: tables and migrations, the journal, and the readers of records, configuration, customers and users."""
