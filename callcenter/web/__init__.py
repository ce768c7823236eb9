"""The web: REST, the live feed, health, and the built pages."""
