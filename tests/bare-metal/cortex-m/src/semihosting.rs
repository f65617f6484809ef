//! Text and an exit status for whoever runs the emulator.

use core::{fmt::Write, panic::PanicInfo};

use cortex_m_semihosting::{debug, hio};

/// A line, put together before it leaves: each write is a call of the emulator.
struct Line {
    text: [u8; 200],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, more: &str) -> core::fmt::Result {
        let end = self.length + more.len();
        let place = self
            .text
            .get_mut(self.length..end)
            .ok_or(core::fmt::Error)?;
        place.copy_from_slice(more.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Writes a line. One that is too long loses its end.
pub fn print(text: core::fmt::Arguments<'_>) {
    let mut line = Line {
        text: [0; 200],
        length: 0,
    };
    let _ = line.write_fmt(text);
    if let Ok(mut out) = hio::hstdout() {
        let _ = out.write_all(line.text.get(..line.length).unwrap_or_default());
        let _ = out.write_all(b"\n");
    }
}

/// Ends the emulator.
pub fn exit(good: bool) -> ! {
    debug::exit(if good {
        debug::EXIT_SUCCESS
    } else {
        debug::EXIT_FAILURE
    });
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print(format_args!("PANIC {}", info.message()));
    exit(false)
}
