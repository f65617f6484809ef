//! A critical section that lets interrupts in.

struct Open;
critical_section::set_impl!(Open);

// SAFETY: none; this is the defect that the checks are to find.
unsafe impl critical_section::Impl for Open {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        0
    }

    unsafe fn release(_: critical_section::RawRestoreState) {}
}
