//! Calls that were taken and given back: they wait beside the queue, and whoever looks for work looks there, too.

use concurrent_futures_core::platform::Point;

use crate::{
    platform::{MockPool, close},
    world::{World, at, note, notes, run_worker, then},
};

#[test]
fn a_call_that_is_given_back_while_the_worker_goes_to_sleep_is_run() {
    for point in [
        Point::SearchedInVain,
        Point::ListedAsleep,
        Point::AboutToPark,
    ] {
        let _world = World::new();
        let pool = MockPool::new(1);
        let first = pool.spawn(|| note("first")).unwrap();
        let handle = pool.handle();
        at(point, move || {
            handle.spawn(|| note("second")).map(drop).unwrap();
            let taken = handle.take().unwrap();
            note("given back");
            taken.give_back();
        });
        let handle = pool.handle();
        then(move || {
            note("the worker sleeps");
            close(&handle);
        });
        assert!(run_worker());
        assert!(first.done());
        let order = ["first", "given back", "second", "the worker sleeps"];
        assert_eq!(notes(), order, "{point:?}");
    }
}
