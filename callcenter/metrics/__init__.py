"""Pure: service level, speed of answer, handle time, occupancy; folds over events."""
