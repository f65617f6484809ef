//! Everything that can go wrong with a worker process, at every moment at which it can.
