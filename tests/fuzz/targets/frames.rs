//! A stream of bytes from a peer that nobody trusts, in pieces: what is taken from it must not depend on where it was cut.
#![no_main]

use concurrent_futures::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, stream)) = bytes.split_first() else {
        return;
    };
    let whole = fuzz::frames([stream]);
    let cut = usize::from(cut) * stream.len() / 255;
    let (head, tail) = stream.split_at(cut);
    assert_eq!(fuzz::frames([head, tail]), whole);
    assert_eq!(fuzz::frames(stream.chunks(1 + cut % 7)), whole);
});
