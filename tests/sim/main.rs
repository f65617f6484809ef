//! The simulator: what it finds, that it finds nothing else, and the scheduler on it.
