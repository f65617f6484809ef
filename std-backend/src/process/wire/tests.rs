use super::*;

fn header(kind: Kind, call: u32, length: usize) -> Header {
    Header {
        kind,
        last: call.is_multiple_of(2),
        call,
        length: length_of(length),
        item: call + 1,
        nanos: u64::from(call) << 40,
    }
}

/// Three frames with bodies of different lengths, and their bytes.
fn stream() -> (Vec<Header>, Vec<u8>) {
    let mut bytes = Vec::new();
    let headers: Vec<_> = [(Kind::Value, 0), (Kind::Failure, 1), (Kind::Ready, 300)]
        .into_iter()
        .zip(7..)
        .map(|((kind, length), call)| {
            let header = header(kind, call, length);
            bytes.extend_from_slice(&header.to_bytes());
            bytes.extend((0..length).map(|n| n as u8));
            header
        })
        .collect();
    (headers, bytes)
}

fn frames(inbox: &mut Inbox) -> Result<Vec<Header>, WireError> {
    let mut frames = Vec::new();
    while let Some(frame) = inbox.next()? {
        let body = inbox.body(frame.body);
        assert_eq!(body.len(), frame.header.length as usize);
        assert!(body.iter().enumerate().all(|(n, byte)| *byte == n as u8));
        frames.push(frame.header);
    }
    Ok(frames)
}

#[test]
fn a_stream_that_is_cut_at_any_byte_gives_the_same_frames() {
    let (headers, bytes) = stream();
    for first in 0..=bytes.len() {
        for second in [first, (first + bytes.len()) / 2, bytes.len()] {
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                inbox.room().extend_from_slice(part);
                seen.extend(frames(&mut inbox).unwrap());
            }
            assert_eq!(seen, headers, "cut at {first} and {second}");
            assert!(inbox.is_whole());
        }
    }
}

#[test]
fn a_stream_that_ends_at_any_byte_is_truncated_but_between_frames() {
    let (headers, bytes) = stream();
    let mut ends = vec![0];
    for header in &headers {
        ends.push(ends.last().unwrap() + HEADER + header.length as usize);
    }
    for end in 0..=bytes.len() {
        let mut inbox = Inbox::default();
        inbox.room().extend_from_slice(&bytes[..end]);
        let seen = frames(&mut inbox).unwrap();
        assert_eq!(
            seen.len(),
            ends.iter().filter(|whole| **whole <= end).count() - 1
        );
        assert_eq!(inbox.is_whole(), ends.contains(&end), "ends at {end}");
    }
}

#[test]
fn what_is_not_of_the_protocol_is_refused() {
    let good = header(Kind::Value, 1, 0).to_bytes();
    let mut cases = Vec::new();
    for (at, byte, error) in [
        (0, 0, WireError::Kind(0)),
        (0, 99, WireError::Kind(99)),
        (1, 2, WireError::Version(2)),
        (2, 2, WireError::Flags(2)),
        (3, 1, WireError::Flags(0)),
    ] {
        let mut bytes = good;
        bytes[at] = byte;
        cases.push((bytes, error));
    }
    let mut long = good;
    long[8..12].copy_from_slice(&(MAX_BODY as u32 + 1).to_le_bytes());
    cases.push((long, WireError::TooLong(MAX_BODY as u32 + 1)));
    for (bytes, error) in cases {
        let mut inbox = Inbox::default();
        inbox.room().extend_from_slice(&bytes);
        assert_eq!(inbox.next(), Err(error));
        // And not forgotten.
        assert_eq!(inbox.next(), Err(error));
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn no_memory_is_taken_for_what_is_only_announced() {
    let mut inbox = Inbox::default();
    let header = header(Kind::Value, 1, MAX_BODY).to_bytes();
    inbox.room().extend_from_slice(&header);
    assert_eq!(inbox.next(), Ok(None));
    assert!(inbox.room().capacity() < 4 << 20);
}

#[test]
fn room_for_a_long_frame_grows_with_what_has_come() {
    let length = 10 << 20;
    let mut inbox = Inbox::default();
    let header = header(Kind::Value, 1, length).to_bytes();
    inbox.room().extend_from_slice(&header);
    let mut left = length;
    let mut times = 0;
    while left > 0 {
        let room = inbox.room();
        let spare = (room.capacity() - room.len()).min(left);
        assert!(spare > 0);
        room.resize(room.len() + spare, 1);
        left -= spare;
        times += 1;
    }
    assert!(times < 20, "{times}");
    let frame = inbox.next().unwrap().unwrap();
    assert_eq!(inbox.body(frame.body).len(), length);
}

#[test]
fn values_of_the_same_call_are_taken_together() {
    let mut inbox = Inbox::default();
    for (kind, call) in [(Kind::Value, 1), (Kind::Value, 1), (Kind::Failure, 1)] {
        inbox
            .room()
            .extend_from_slice(&header(kind, call, 0).to_bytes());
    }
    assert!(inbox.next_value(2).unwrap().is_none());
    assert!(inbox.next_value(1).unwrap().is_some());
    assert!(inbox.next_value(1).unwrap().is_some());
    assert!(inbox.next_value(1).unwrap().is_none());
    assert_eq!(inbox.next().unwrap().unwrap().header.kind, Kind::Failure);
}

#[test]
fn a_call_that_is_cut_at_any_byte_is_truncated() {
    let function = Function {
        code: 1,
        descriptor: 2,
    };
    let mut bytes = Vec::new();
    begin_call(function, &mut bytes);
    for item in [&b"one"[..], b"", b"three"] {
        bytes.extend_from_slice(&length_of(item.len()).to_le_bytes());
        bytes.extend_from_slice(item);
    }
    let read = |mut body: &[u8]| -> Result<Vec<Vec<u8>>, WireError> {
        assert_eq!(read_function(&mut body)?, function);
        (0..3).map(|_| Ok(read_item(&mut body)?.to_vec())).collect()
    };
    assert_eq!(read(&bytes).unwrap(), [&b"one"[..], b"", b"three"]);
    for end in 0..bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(WireError::Truncated), "{end}");
    }
}
