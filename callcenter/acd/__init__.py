"""Pure: which agent gets which interaction, and when; position and expected wait."""
