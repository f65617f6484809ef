use std::time::Duration;

use super::{
    super::{
        run::{Chunk, push_item},
        ticket::{GROWTH, Ticket},
        wire::{self, CALL_PREFIX},
    },
    *,
};

fn feed(chunksize: Option<usize>, ordered: bool) -> Arc<Feed> {
    let function = Function {
        code: 0,
        descriptor: 0,
    };
    let more = Box::new(|_: &Arc<Feed>, _| true);
    let options = MapOptions::new();
    let options = chunksize.map_or(options, |items| options.chunksize(items));
    Arc::new(Feed::new(
        function,
        Limits::default(),
        options,
        2,
        ordered,
        more,
    ))
}

fn add(feed: &Feed, items: std::ops::Range<u8>) -> usize {
    let mut bytes = Vec::new();
    let count = items.len();
    for item in items {
        push_item(&mut bytes, |bytes| {
            bytes.push(item);
            Ok::<_, ()>(())
        })
        .unwrap();
    }
    feed.add(count, &bytes)
}

fn items(chunk: &Chunk) -> Vec<u8> {
    let mut rest = &chunk.body[CALL_PREFIX..];
    let items = (0..chunk.count).map(|_| wire::read_item(&mut rest).unwrap()[0]);
    let items = items.collect();
    assert!(rest.is_empty());
    items
}

fn next(feed: &Feed, ready: &mut VecDeque<Option<Got>>) -> Result<u8, Dry> {
    if ready.is_empty() {
        feed.next(false, None, ready)?;
    }
    match ready.pop_front().unwrap() {
        Some(Got::Short(1, bytes)) => Ok(bytes[0]),
        got => panic!("{got:?}"),
    }
}

#[test]
fn chunks_have_the_size_that_was_asked_for_and_all_items_in_order() {
    let feed = feed(Some(3), true);
    assert_eq!(add(&feed, 0..4), 2);
    assert_eq!(add(&feed, 4..8), 2, "there is no ticket yet");
    let ticket = Ticket::new(&feed);
    let chunks: Vec<_> = std::iter::from_fn(|| ticket.cut(100)).collect();
    let seen: Vec<_> = chunks.iter().map(items).collect();
    assert_eq!(seen, [&[0, 1, 2][..], &[3, 4, 5], &[6, 7]]);
    let first: Vec<_> = chunks.iter().map(|chunk| chunk.first).collect();
    assert_eq!(first, [0, 3, 6]);
}

#[test]
fn no_chunk_is_larger_than_the_worker_may_run() {
    let feed = feed(Some(10), true);
    add(&feed, 0..8);
    let ticket = Ticket::new(&feed);
    assert_eq!(ticket.cut(2).unwrap().count, 2);
    assert_eq!(ticket.cut(usize::MAX).unwrap().count, 6);
}

#[test]
fn without_a_size_chunks_grow_while_items_are_short_and_shrink_when_they_are_long() {
    let feed = feed(None, true);
    for _ in 0..40 {
        add(&feed, 0..100);
    }
    let ticket = Ticket::new(&feed);
    assert_eq!(ticket.cut(usize::MAX).unwrap().count, 1);
    ticket.took(1, 100);
    assert_eq!(ticket.cut(usize::MAX).unwrap().count, GROWTH);
    ticket.took(GROWTH, 100);
    assert_eq!(ticket.cut(usize::MAX).unwrap().count, GROWTH * GROWTH);
    ticket.took(1, 100_000_000);
    assert_eq!(ticket.cut(usize::MAX).unwrap().count, 1);
}

#[test]
fn a_ticket_that_finds_nothing_is_not_valid_and_one_whose_items_come_back_is_again() {
    let feed = feed(Some(2), true);
    add(&feed, 0..2);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(10).unwrap();
    assert!(ticket.cut(10).is_none());
    assert_eq!(add(&feed, 2..3), 1, "a new ticket is wanted");
    ticket.give_back(&chunk, 1..2, 0);
    assert_eq!(feed.wanted_now(), 1, "this one counts again");
    assert_eq!(items(&ticket.cut(1).unwrap()), [1]);
    assert_eq!(items(&ticket.cut(1).unwrap()), [2]);
    ticket.end();
    ticket.end();
    assert_eq!(add(&feed, 3..8), 2);
}

#[test]
fn items_that_come_back_are_ahead_of_all_others_and_a_tried_one_is_alone() {
    let feed = feed(Some(8), true);
    add(&feed, 0..8);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(6).unwrap();
    ticket.give_back(&chunk, 2..6, 1);
    let tried = ticket.cut(8).unwrap();
    assert_eq!((items(&tried), tried.attempts), (vec![2], 1));
    let rest = ticket.cut(8).unwrap();
    assert_eq!((items(&rest), rest.attempts), (vec![3, 4, 5], 0));
    assert_eq!(items(&ticket.cut(8).unwrap()), [6, 7]);
}

#[test]
fn results_come_in_the_order_of_the_input_or_as_they_come() {
    for ordered in [true, false] {
        let feed = feed(Some(1), ordered);
        add(&feed, 0..3);
        let ticket = Ticket::new(&feed);
        let mut ready = VecDeque::new();
        for item in [2, 0] {
            ticket.results().value(item, &[item as u8]);
        }
        assert_eq!(next(&feed, &mut ready), Ok(if ordered { 0 } else { 2 }));
        assert_eq!(
            next(&feed, &mut ready),
            if ordered { Err(Dry::TimedOut) } else { Ok(0) }
        );
        ticket.results().value(1, &[1]);
        assert_eq!(next(&feed, &mut ready), Ok(1));
        assert_eq!(
            next(&feed, &mut ready),
            if ordered { Ok(2) } else { Err(Dry::Over) }
        );
        assert_eq!(next(&feed, &mut ready), Err(Dry::Over));
    }
}

#[test]
fn whoever_waits_is_told_of_results_and_of_the_last_ticket() {
    let feed = feed(Some(1), true);
    add(&feed, 0..2);
    let ticket = Ticket::new(&feed);
    let wait = |deadline| {
        let feed = Arc::clone(&feed);
        std::thread::spawn(move || feed.next(true, deadline, &mut VecDeque::new()))
    };
    let waiting = wait(None);
    ticket.results().value(0, &[]);
    assert_eq!(waiting.join().unwrap(), Ok(()));
    let waiting = wait(None);
    ticket.end();
    assert_eq!(waiting.join().unwrap(), Err(Dry::NoTicket));
    let _ticket = Ticket::new(&feed);
    let waiting = wait(Some(Instant::now() + Duration::from_millis(5)));
    assert_eq!(waiting.join().unwrap(), Err(Dry::TimedOut));
}

#[test]
fn a_closed_feed_keeps_nothing() {
    let feed = feed(Some(1), true);
    add(&feed, 0..4);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(2).unwrap();
    ticket.results().value(0, &[7; 100]);
    feed.close();
    ticket.give_back(&chunk, 0..2, 0);
    ticket.results().value(1, &[7; 100]);
    assert!(ticket.cut(9).is_none());
    let state = feed.state();
    assert!(state.results.is_empty() && state.pending.is_empty());
}

#[test]
fn cancelled_items_have_errors_for_results() {
    let feed = feed(Some(1), true);
    add(&feed, 0..2);
    feed.cancel();
    let mut ready = VecDeque::new();
    feed.next(false, None, &mut ready).unwrap();
    assert_eq!(ready.len(), 2);
    for got in ready.drain(..).flatten() {
        let cancelled = TaskError::Cancelled(CancelledBy::Shutdown);
        assert!(matches!(got, Got::Error(error) if error.to_string() == cancelled.to_string()));
    }
    assert_eq!(feed.next(false, None, &mut ready), Err(Dry::Over));
}

#[test]
fn an_item_that_cannot_be_encoded_leaves_those_before_it() {
    let mut bytes = vec![1, 2, 3];
    let refused = push_item(&mut bytes, |bytes| {
        bytes.push(9);
        Err(())
    });
    assert_eq!((refused, bytes), (Err(()), vec![1, 2, 3]));
}

#[test]
fn of_a_chunk_only_those_come_back_that_are_asked_for_and_others_behind_them_are_whole() {
    let feed = feed(Some(6), true);
    add(&feed, 0..6);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(6).unwrap();
    ticket.give_back(&chunk, 3..6, 0);
    ticket.give_back(&chunk, 1..3, 0);
    add(&feed, 6..8);
    let seen: Vec<_> = std::iter::from_fn(|| ticket.cut(6))
        .flat_map(|chunk| items(&chunk))
        .collect();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn what_comes_back_after_it_was_cancelled_is_cancelled() {
    let feed = feed(Some(4), true);
    add(&feed, 0..4);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(4).unwrap();
    feed.cancel();
    ticket.give_back(&chunk, 0..4, 0);
    let mut ready = VecDeque::new();
    feed.next(false, None, &mut ready).unwrap();
    assert_eq!(ready.len(), 4);
    assert!(ready.iter().all(|got| matches!(got, Some(Got::Error(_)))));
}

#[test]
fn what_was_added_last_can_be_withdrawn() {
    let feed = feed(Some(2), true);
    add(&feed, 0..2);
    let ticket = Ticket::new(&feed);
    let chunk = ticket.cut(2).unwrap();
    add(&feed, 2..5);
    ticket.give_back(&chunk, 1..2, 0);
    feed.withdraw_last();
    assert_eq!(feed.outstanding(), 1, "all of them are one run");
}
