//! Doors for the fuzzer into what reads the wire.

use concurrent_futures_core::future::CodecStage;

use super::{
    codec,
    failure::Failure,
    hello::Hello,
    wire::{self, Inbox},
};

/// What frames there are in a stream that comes in these pieces, and how it ends, as text.
pub fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut inbox = Inbox::default();
    let mut seen = Vec::new();
    for piece in pieces {
        inbox.room().extend_from_slice(piece);
        loop {
            match inbox.next() {
                Ok(Some(frame)) => {
                    let body = inbox.body(frame.body);
                    assert_eq!(body.len(), frame.header.length as usize);
                    assert_eq!(frame.header.to_bytes().len(), wire::HEADER);
                    seen.push(format!("{:?} {body:?}", frame.header));
                }
                Ok(None) => break,
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
    }
    seen.push(format!("whole: {}", inbox.is_whole()));
    seen
}

/// Reads a body as everything that a body can be.
pub fn bodies(bytes: &[u8]) {
    let mut body = bytes;
    if wire::read_function(&mut body).is_ok() {
        while let Ok(item) = wire::read_item(&mut body) {
            assert!(item.len() <= bytes.len());
        }
    }
    let failure = codec::decode::<Failure>(bytes, CodecStage::DecodeResult);
    if let Ok(failure) = failure {
        assert!(!failure.into_error(1).to_string().is_empty());
    }
    let _ = codec::decode::<Hello>(bytes, CodecStage::DecodeArguments);
    let _ = codec::decode::<Vec<Vec<u64>>>(bytes, CodecStage::DecodeResult);
}
