use std::{
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use super::*;

#[test]
fn items_are_started_in_order_and_what_is_taken_back_never_is() {
    let (board, _) = Board::create().unwrap();
    let slot = board.slot(3);
    slot.offer(3);
    assert_eq!((slot.start(), slot.started()), (Some(0), 1));
    assert_eq!(slot.recall(), Some(1..3));
    assert_eq!((slot.start(), slot.recall()), (None, None));
    assert_eq!(slot.started(), 1);
}

#[test]
fn a_slot_that_is_used_again_knows_nothing_of_the_call_before() {
    let (board, _) = Board::create().unwrap();
    let (old, new) = (board.slot(5), board.slot(5 + SLOTS as u32));
    old.offer(1);
    new.offer(2);
    assert_eq!((old.start(), old.recall(), old.started()), (None, None, 0));
    assert_eq!(new.start(), Some(0));
    // A number far away has the same word.
    assert_eq!(board.slot(5 + (1 << 16)).word.as_ptr(), old.word.as_ptr());
}

#[test]
fn every_item_is_either_started_or_taken_back() {
    let (board, memory) = Board::create().unwrap();
    let worker = Board::map(memory.as_fd()).unwrap();
    for round in 0..2_000 {
        let items = 8;
        board.slot(round).offer(items);
        let started = thread::scope(|s| {
            let starting = s.spawn(|| {
                let mut started = 0;
                while worker.slot(round).start() == Some(started) {
                    started += 1;
                }
                started
            });
            let recalled = board.slot(round).recall();
            let started = starting.join().unwrap();
            if let Some(recalled) = recalled {
                assert_eq!(recalled, started..items as u32);
            } else {
                assert_eq!(started, items as u32);
            }
            started
        });
        assert_eq!(board.slot(round).started(), started);
    }
}

#[test]
fn the_most_items_fit() {
    let (board, _) = Board::create().unwrap();
    let slot = board.slot(u32::MAX);
    slot.offer(MOST_ITEMS);
    assert_eq!(slot.start(), Some(0));
    assert_eq!(slot.recall(), Some(1..MOST_ITEMS as u32));
}

fn written(board: &Board, from: u64, bytes: &[u8]) -> u64 {
    // SAFETY: this test is the only writer.
    unsafe { board.write(from, bytes) };
    let end = from + bytes.len() as u64;
    board.end().store(end, Ordering::Release);
    end
}

#[test]
fn what_was_written_is_read_wherever_the_ring_begins_again() {
    let (board, _) = Board::create().unwrap();
    let bytes: Vec<u8> = (0..5000).map(|n| (n % 251) as u8).collect();
    let mut end = 0;
    while end < 3 * RING as u64 {
        let start = end;
        end = written(&board, start, &bytes);
        let mut read = vec![9];
        assert_eq!(board.read_unsent(start, &mut read), bytes.len());
        assert!(read[1..] == bytes[..]);
        // SAFETY: nobody writes.
        let pieces = unsafe { board.pieces(start..end) };
        assert!(pieces.concat() == bytes);
    }
}

#[test]
fn what_was_sent_from_elsewhere_or_overwritten_is_not_read() {
    let (board, _) = Board::create().unwrap();
    let end = written(&board, 0, b"something");
    let mut read = Vec::new();
    board.base().store(4, Ordering::Release);
    assert_eq!(board.read_unsent(0, &mut read), 0);
    assert_eq!(board.read_unsent(4, &mut read), 5);
    board.base().store(0, Ordering::Release);
    board.end().store(end + RING as u64, Ordering::Release);
    assert_eq!(board.read_unsent(0, &mut read), 0);
    board.end().store(0, Ordering::Release);
    assert_eq!(board.read_unsent(4, &mut read), 0);
    assert_eq!(read, b"thing");
}

#[test]
fn what_is_read_while_a_worker_writes_is_never_torn() {
    let (board, memory) = Board::create().unwrap();
    let worker = Board::map(memory.as_fd()).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|s| {
        let stop = Arc::clone(&over);
        s.spawn(move || {
            // Eight bytes at a time, each telling its position.
            let mut end = 0;
            while !stop.load(Ordering::Relaxed) {
                let block: Vec<u8> = (0..512_u64)
                    .flat_map(|n| (end + 8 * n).to_le_bytes())
                    .collect();
                end = written(&worker, end, &block);
            }
        });
        let mut position = 0;
        let mut bytes = Vec::new();
        let mut blocks = 0;
        while blocks < 20_000 {
            bytes.clear();
            if board.read_unsent(position, &mut bytes) == 0 {
                // The worker is ahead: begin where it is.
                position = board.end().load(Ordering::Acquire);
                continue;
            }
            for (n, word) in bytes.chunks_exact(8).enumerate() {
                let word = u64::from_le_bytes(word.try_into().unwrap());
                assert_eq!(word, position + 8 * n as u64);
                blocks += 1;
            }
            position += bytes.len() as u64;
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_worker_cannot_make_it_smaller() {
    let (_board, memory) = Board::create().unwrap();
    assert!(rustix::fs::ftruncate(&memory, 0).is_err());
    assert!(Board::open(&memory).is_ok());
}
