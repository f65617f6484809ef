//! What a pending call occupies: the memory of the whole process, before the pool exists and with all calls waiting in it.
//!
//! Counted from before the pool, so that a queue allocated in advance is part of the bill, and with the handles in a
//! vector of exactly the right size, so that all pay for their handle's size and nobody for a vector's growth.

use std::hint::black_box;
use std::{fs, io};

use super::{Occupied, Sizes};
use crate::contender::Contender;

/// Resident bytes per pending call. Must be the first thing its process does.
pub(super) fn measure<C: Contender>(sizes: &Sizes) -> io::Result<f64> {
    let before = resident_bytes()?;
    let pool = C::start_with_room_for(sizes.pending as usize);
    let mut handles = Vec::with_capacity(sizes.pending as usize);
    let occupied = Occupied::all_workers(&pool);
    for number in 0..sizes.pending {
        handles.push(pool.spawn(call_with_a_capture_of_16_bytes(number)));
    }
    let after = resident_bytes()?;

    occupied.release();
    let mut calls = 0;
    pool.get_all(&mut handles, |result| {
        assert_eq!(result, u64::MAX, "a wrong result");
        calls += 1;
    });
    assert_eq!(calls, sizes.pending, "results are missing");
    // Signed: a wrong sign is easier to see through than a huge number.
    Ok((after as f64 - before as f64) / sizes.pending as f64)
}

fn call_with_a_capture_of_16_bytes(number: u64) -> impl FnOnce() -> u64 + Send + 'static {
    let complement = !number;
    let call = move || black_box(number) + black_box(complement);
    assert_eq!(size_of_val(&call), 16);
    call
}

fn resident_bytes() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| io::Error::new(error.kind(), format!("/proc/self/status: {error}")))?;
    resident_bytes_in(&status).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "/proc/self/status has no VmRSS in kB",
        )
    })
}

/// The line is `VmRSS:      1234 kB`, where kB means 1,024 bytes.
fn resident_bytes_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_read_from_a_status_file() {
        let status = "Name:\tcompare\nVmHWM:\t    9999 kB\nVmRSS:\t    1234 kB\nRssAnon:\t 77 kB\n";
        assert_eq!(resident_bytes_in(status), Some(1234 * 1024));
        assert_eq!(resident_bytes_in("Name:\tcompare\n"), None);
    }

    #[test]
    fn the_capture_is_used() {
        assert_eq!(call_with_a_capture_of_16_bytes(7)(), u64::MAX);
    }
}
