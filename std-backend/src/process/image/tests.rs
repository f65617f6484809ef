//! Addresses of this test program and of others.

use super::*;

static TABLE: [u64; 4] = [1, 2, 3, 4];

fn somewhere() -> &'static str {
    "somewhere"
}

#[test]
fn code_of_the_program_is_found_and_found_again() {
    let image = Image::main();
    let address = somewhere as fn() -> &'static str as usize;
    let offset = image.offset_of_code(address).unwrap();
    assert_eq!(image.code_at(offset), Some(address));
}

#[test]
fn data_of_the_program_is_found_and_found_again() {
    let image = Image::main();
    let (address, size) = (TABLE.as_ptr().addr(), size_of_val(&TABLE));
    let offset = image.offset_of_data(address, size).unwrap();
    assert_eq!(image.data_at(offset, size, 8), Some(address));
    assert_eq!(image.data_at(offset + 1, 1, 1), Some(address + 1));
    assert_eq!(image.data_at(offset + 1, 1, 8), None);
    assert_eq!(image.data_at(offset, size, 3), None);
    assert_eq!(image.data_at(offset, size, 0), None);
    assert_eq!(
        image
            .offset_of_code(address)
            .and_then(|_| image.code_at(offset)),
        None
    );
}

#[test]
fn foreign_addresses_are_not_found() {
    let image = Image::main();
    let heap = Box::new(7_u64);
    let stack = 7_u64;
    for address in [
        (&raw const *heap).addr(),
        (&raw const stack).addr(),
        0,
        1,
        usize::MAX,
    ] {
        assert_eq!(image.offset_of_code(address), None);
        assert_eq!(image.offset_of_data(address, 1), None);
    }
    #[cfg(not(target_feature = "crt-static"))]
    {
        // By `dlsym`, since the address of an imported function can be a stub in the program.
        // SAFETY: the name is a C string and the handle is one of the constants for `dlsym`.
        let getenv = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getenv".as_ptr()) };
        assert!(!getenv.is_null());
        assert_eq!(image.offset_of_code(getenv.addr()), None);
    }
}

#[test]
fn nothing_is_found_past_the_end() {
    let image = Image::main();
    let last = image
        .segments
        .iter()
        .max_by_key(|segment| segment.end)
        .unwrap();
    let at = last.end - 4;
    assert!(image.offset_of_data(at, 4).is_some());
    assert_eq!(image.offset_of_data(at, 5), None);
    assert_eq!(image.offset_of_data(at, usize::MAX), None);
    let offset = (at - image.base) as u64;
    assert_eq!(image.data_at(offset, 4, 1), Some(at));
    assert_eq!(image.data_at(offset, 5, 1), None);
    let wrapping = ((usize::MAX - image.base) as u64).saturating_add(1);
    for offset in [u64::MAX, u64::MAX - 1, wrapping] {
        assert_eq!(image.code_at(offset), None);
        assert_eq!(image.data_at(offset, 1, 1), None);
    }
}

#[test]
fn the_fingerprint_is_of_the_headers_and_notes() {
    let object = main_object().unwrap();
    // SAFETY: as in `Image::main`.
    let headers = unsafe { slice::from_raw_parts(object.headers, object.count) };
    let mut other = headers.to_vec();
    assert_eq!(
        Image::new(object.base, &other).fingerprint,
        Image::main().fingerprint()
    );
    other.iter_mut().for_each(|header| header.p_memsz += 1);
    assert_ne!(
        Image::new(object.base, &other).fingerprint,
        Image::main().fingerprint()
    );
    let mut hash = Fnv::new();
    hash.bytes(b"foobar");
    assert_eq!(hash.0, 0x8594_4171_f739_67e8);
}
