//! A table that is put together from what a server has: first its head, then its rows in any order.
//!
//! Nothing here knows of the simulator.

use std::error::Error;

use concurrent_futures::{Executor, as_completed};

/// Asks the server for a part of the table.
pub(crate) type Fetch = fn(String) -> String;

/// The wrong way: it appends each part when it is there, the head among them.
///
/// The head is asked for before all others and is the quickest to come, but that does not make it
/// the first to be there. Calls start in the order in which they were submitted; they end in any.
pub(crate) fn hasty<E: Executor>(
    executor: &E,
    fetch: Fetch,
    places: &[&str],
) -> Result<String, Box<dyn Error>> {
    let mut parts = vec![executor.submit(fetch, "head".into())?];
    for &place in places {
        parts.push(executor.submit(fetch, place.into())?);
    }

    let mut table = String::new();
    for part in as_completed(parts) {
        table += &part.result()?;
    }
    Ok(table)
}

/// The right way: it waits for the head itself, and then for the rows as they come.
pub(crate) fn patient<E: Executor>(
    executor: &E,
    fetch: Fetch,
    places: &[&str],
) -> Result<String, Box<dyn Error>> {
    let head = executor.submit(fetch, "head".into())?;
    let mut parts = Vec::new();
    for &place in places {
        parts.push(executor.submit(fetch, place.into())?);
    }

    let mut table = head.result()?;
    for part in as_completed(parts) {
        table += &part.result()?;
    }
    Ok(table)
}
