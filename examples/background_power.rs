//! A power computed in the background: submit a call, do something else, ask for the result.
//!
//! 323 to the 1235th is a number of 3099 digits, which no integer type holds, so it is multiplied
//! as by hand.

use std::error::Error;

use concurrent_futures::ThreadPoolExecutor;

/// Digits are kept in groups of nine, the lowest first: a product with a `u32` still fits a `u64`.
const BASE: u64 = 1_000_000_000;

fn power((base, exponent): (u32, u32)) -> String {
    let mut groups = vec![1];
    for _ in 0..exponent {
        let mut carry = 0;
        for group in &mut groups {
            let product = *group * u64::from(base) + carry;
            *group = product % BASE;
            carry = product / BASE;
        }
        while carry > 0 {
            groups.push(carry % BASE);
            carry /= BASE;
        }
    }
    let lower: String = groups
        .iter()
        .rev()
        .skip(1)
        .map(|group| format!("{group:09}"))
        .collect();
    format!("{}{lower}", groups[groups.len() - 1])
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(1)?;
    let future = pool.submit(power, (323, 1235))?;
    println!("the main thread is free while a worker multiplies");

    let digits = future.result()?;
    let (first, last) = (&digits[..10], &digits[digits.len() - 10..]);
    println!("323^1235 = {first}...{last}, {} digits", digits.len());
    Ok(())
    // Here the pool is dropped: it finishes what was submitted and joins its thread.
}
