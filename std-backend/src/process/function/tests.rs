use super::*;

fn double(n: u32) -> u32 {
    2 * n
}

fn fails(level: u32) -> Result<(), String> {
    Err(format!("level {level}"))
}

#[test]
fn a_function_is_found_again_and_called() {
    let name = Function::of(double as fn(u32) -> u32).unwrap();
    // SAFETY: it was named by this process.
    let callee = unsafe { Callee::find(name) }.unwrap();
    let (mut arguments, mut result) = (Vec::new(), Vec::new());
    codec::encode(&21_u32, &mut arguments, CodecStage::EncodeArguments).unwrap();
    callee.call(&arguments, &mut result).unwrap();
    assert_eq!(codec::decode_result::<u32>(&result).unwrap(), 42);
    let error = callee.call(&[], &mut result).unwrap_err();
    assert_eq!(error.stage(), CodecStage::DecodeArguments);
}

#[test]
fn an_initializer_gives_its_error_as_text() {
    let name = Function::of_initializer(fails as fn(u32) -> Result<(), String>).unwrap();
    // SAFETY: it was named by this process.
    let callee = unsafe { Callee::find(name) }.unwrap();
    let (mut arguments, mut result) = (Vec::new(), Vec::new());
    codec::encode(&3_u32, &mut arguments, CodecStage::EncodeArguments).unwrap();
    callee.call(&arguments, &mut result).unwrap();
    let made = codec::decode_result::<Result<(), String>>(&result).unwrap();
    assert_eq!(made, Err("level 3".to_owned()));
}

#[test]
fn names_of_other_places_are_not_found() {
    let name = Function::of(double as fn(u32) -> u32).unwrap();
    let elsewhere = |code, descriptor| Function { code, descriptor };
    for wrong in [
        elsewhere(u64::MAX, name.descriptor),
        elsewhere(name.descriptor, name.descriptor),
        elsewhere(name.code, u64::MAX),
        elsewhere(name.code, name.code & !7),
        elsewhere(name.code, name.descriptor + 1),
        elsewhere(name.code, name.descriptor + 8),
    ] {
        // SAFETY: names that nobody made are looked up, and what is not found is not called.
        assert!(unsafe { Callee::find(wrong) }.is_none(), "{wrong:?}");
    }
}

#[test]
fn a_function_of_a_shared_library_has_no_name() {
    type Plain = fn(i32) -> i32;
    // SAFETY: addresses of functions are of one kind; this one is never called by it.
    let abs = unsafe { std::mem::transmute::<usize, Plain>(libc::abs as *const () as usize) };
    assert_eq!(Function::of(abs), None);
}
