//! Tells the linker where the memory of the board is.

fn main() {
    println!("cargo::rerun-if-changed=link.x");
    println!(
        "cargo::rustc-link-arg-bins=-T{}/link.x",
        env!("CARGO_MANIFEST_DIR")
    );
}
