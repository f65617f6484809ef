//! Calls that submit to their own pool and wait there, with one worker.
//!
//! On CPython's pool this program deadlocks (see `nested_submit.py` beside this file): the only
//! worker waits for a call that no worker is left to run. Here a worker that waits for calls of its
//! own pool runs them itself.

use std::error::Error;

use concurrent_futures::{ReturnWhen, SubmitError, ThreadPoolExecutor, ThreadPoolHandle, wait};

/// A call may end with any error that can leave its thread.
type Outcome = Result<u64, Box<dyn Error + Send + Sync>>;

fn square(n: u64) -> u64 {
    n * n
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = ThreadPoolExecutor::new(1)?;

    // A handle is how a call reaches the pool it runs on.
    let handle = pool.handle();
    let result = pool.spawn(move || -> Outcome { Ok(handle.submit(square, 3)?.result()? + 1) })?;
    println!("result: {}", result.result()??);

    let handle = pool.handle();
    let waited = pool.spawn(move || -> Outcome {
        let squares = [handle.submit(square, 1)?, handle.submit(square, 2)?];
        let split = wait(squares, ReturnWhen::AllCompleted, None);
        let mut sum = 0;
        for square in split.done {
            sum += square.result()?;
        }
        Ok(sum)
    })?;
    println!("wait: {}", waited.result()??);

    let handle = pool.handle();
    let mapped = pool.spawn(move || -> Outcome {
        let mut sum = 0;
        for square in handle.map(square, 1..=10)? {
            sum += square?;
        }
        Ok(sum)
    })?;
    println!("map: {}", mapped.result()??);

    let handle = pool.handle();
    let scoped = pool.spawn(move || -> Outcome {
        // The calls of a scope may borrow from the stack of the one that opens it.
        let numbers = [1, 2, 3, 4];
        handle.scope(|scope| {
            let (low, high) = numbers.split_at(2);
            // The error would hand the call back, which must not leave the scope.
            let low = scope
                .spawn(|| low.iter().sum::<u64>())
                .map_err(SubmitError::without_inner)?;
            let high = scope
                .spawn(|| high.iter().sum::<u64>())
                .map_err(SubmitError::without_inner)?;
            Ok(low.result()? * high.result()?)
        })
    })?;
    println!("scope: {}", scoped.result()??);

    println!("depth: {}", depth_first(&pool, 100)?);
    Ok(())
}

/// A chain of calls, each waiting for the next: as deep as the stack allows, on one worker.
fn depth_first(pool: &ThreadPoolExecutor, depth: u64) -> Outcome {
    fn dive(pool: ThreadPoolHandle, depth: u64) -> Outcome {
        if depth == 0 {
            return Ok(0);
        }
        let deeper = pool.clone();
        Ok(pool.spawn(move || dive(deeper, depth - 1))?.result()?? + 1)
    }
    dive(pool.handle(), depth)
}
