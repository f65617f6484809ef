use std::thread;

use super::*;

fn parcel() -> Parcel {
    Parcel::new(Content::Call(Arc::default()), Limits::default())
}

fn board() -> Arc<Board> {
    Arc::new(Board::create().unwrap().0)
}

#[test]
fn one_that_is_cancelled_is_not_lent() {
    let (parcel, board) = (parcel(), board());
    assert!(parcel.recall());
    assert!(!parcel.lend(&board, 0));
    assert!(parcel.recall() && !parcel.reclaim());
}

#[test]
fn one_that_was_started_is_not_cancelled() {
    let (parcel, board) = (parcel(), board());
    board.slot(4).offer(1);
    assert!(parcel.lend(&board, 4));
    assert!(board.slot(4).start().is_some());
    assert!(!parcel.recall() && !parcel.reclaim());
}

#[test]
fn one_that_comes_back_can_be_lent_again_or_cancelled() {
    let (parcel, board) = (parcel(), board());
    board.slot(4).offer(1);
    assert!(parcel.lend(&board, 4) && parcel.reclaim());
    assert!(board.slot(4).start().is_none());
    board.slot(5).offer(1);
    assert!(parcel.lend(&board, 5) && parcel.recall());
    assert!(board.slot(5).start().is_none());
    assert!(!parcel.reclaim());
}

#[test]
fn it_is_either_started_or_cancelled() {
    for call in 0..2_000 {
        let (parcel, board) = (parcel(), board());
        board.slot(call).offer(1);
        let (lent, started, cancelled) = thread::scope(|s| {
            let worker = s.spawn(|| {
                let lent = parcel.lend(&board, call);
                (lent, lent && board.slot(call).start().is_some())
            });
            let cancelled = parcel.recall();
            let (lent, started) = worker.join().unwrap();
            (lent, started, cancelled)
        });
        assert!(started != cancelled, "{lent} {started} {cancelled}");
    }
}
