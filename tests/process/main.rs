//! The contract across processes: `// contract: P3` directly above a test names the lines of CONTRACT.md that it covers.

mod broken;
mod cancel;
mod choices;
mod codec;
mod death;
mod help;
mod interface;
mod large;
mod limits;
mod map;
mod map_end;
mod nested;
mod orphans;
mod panics;
mod regressions;
mod regressions_more;
mod shutdown;
mod submit;
mod surroundings;
mod time_and_memory;
mod waiting;
