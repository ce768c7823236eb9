"""Pure: telephone numbers; segments, customer value, lifecycle, matching rules."""
