//! Looking again and again for a short while, before parking.

/// How often to begin again, and after how many turns, where calls run elsewhere: their way there and back takes some times longer than a
/// short call. Beginning again gives the processor away again, which whoever is on that way may need.
const ELSEWHERE: (u32, u32) = (40, 40);

/// Whether something is `ready` within as many turns as the platform likes to `relax`.
#[inline]
pub(crate) fn spin(
    elsewhere: bool,
    relax: impl Fn(u32) -> bool,
    mut ready: impl FnMut() -> bool,
) -> bool {
    let (rounds, turns) = if elsewhere { ELSEWHERE } else { (1, u32::MAX) };
    for _ in 0..rounds {
        let mut turn = 0;
        while turn < turns && relax(turn) {
            if ready() {
                return true;
            }
            turn += 1;
        }
    }
    false
}
