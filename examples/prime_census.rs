//! Counts primes with one function for every executor.
//!
//! `census` says what is to be done, and its caller where: on a pool of threads, or at once in
//! the thread of the caller, which is handy in a test or a debugger.

use std::error::Error;

use concurrent_futures::{Executor, InlineExecutor, ThreadPoolExecutor};

/// Five primes and, as the last, a product of two.
const LARGE: [u64; 6] = [
    112_272_535_095_293,
    112_582_705_942_171,
    112_272_535_095_293,
    115_280_095_190_773,
    115_797_848_077_099,
    1_099_726_899_285_419,
];

fn is_prime(n: u64) -> bool {
    if n < 2 || n.is_multiple_of(2) {
        return n == 2;
    }
    (3..=n.isqrt())
        .step_by(2)
        .all(|divisor| !n.is_multiple_of(divisor))
}

/// How many of the numbers are prime.
fn census<E: Executor>(pool: &E, numbers: Vec<u64>) -> Result<usize, Box<dyn Error>> {
    let mut primes = 0;
    for prime in pool.map(is_prime, numbers)? {
        primes += usize::from(prime?);
    }
    Ok(primes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = LARGE.into_iter().chain(1..=10_000).collect();

    let threads = ThreadPoolExecutor::with_default_workers()?;
    println!(
        "on threads: {} of {} are prime",
        census(&threads, numbers.clone())?,
        numbers.len()
    );

    let inline = InlineExecutor::new();
    println!(
        "inline: {} of {} are prime",
        census(&inline, numbers.clone())?,
        numbers.len()
    );
    Ok(())
}
