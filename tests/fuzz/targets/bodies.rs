//! Bodies of frames: whatever they are, reading them ends, and takes no more memory than they have bytes.
#![no_main]

use concurrent_futures::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::bodies(bytes);
});
