//! Misuse that must not compile, and the message that says why; beside it, the right use that must.

#[test]
fn misuse_is_refused_by_the_compiler() {
    let tests = trybuild::TestCases::new();
    tests.pass("compile-fail/right_use.rs");
    tests.compile_fail("compile-fail/refused/*.rs");
}

// What fits into a slot is known once types are: not to `cargo check`, so the right use is built, and with it the others.
// contract: D2
#[test]
fn misuse_of_pools_in_place_is_refused_by_the_compiler() {
    let tests = trybuild::TestCases::new();
    tests.pass("compile-fail/right_use_in_place.rs");
    tests.compile_fail("compile-fail/refused_in_place/*.rs");
}
