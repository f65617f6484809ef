//! Misuse that must not compile, and the message that says why; beside it, the right use that must.

#[test]
fn misuse_is_refused_by_the_compiler() {
    let tests = trybuild::TestCases::new();
    tests.pass("compile-fail/right_use.rs");
    tests.compile_fail("compile-fail/refused/*.rs");
}
