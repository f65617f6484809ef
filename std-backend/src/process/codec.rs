//! Values as bytes: postcard, which is compact and has a written specification, but does not describe itself.

use concurrent_futures_core::{
    executor::Payload,
    future::{CodecError, CodecStage},
};
use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};

use super::wire::MAX_BODY;

/// The most bytes that the arguments or the result of one call may have.
pub(crate) const MAX_PAYLOAD: usize = MAX_BODY - 1024;

const SMALL: usize = 16;

/// Appends to a vector that stays where it is, also if the value refuses half-way.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() <= SMALL {
            // Numbers, most of the time: not worth a call.
            self.0.extend(bytes.iter().copied());
        } else {
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends `value` to `bytes`; after an error perhaps some of it.
pub(crate) fn encode(
    value: &impl Serialize,
    bytes: &mut Vec<u8>,
    stage: CodecStage,
) -> Result<(), CodecError> {
    let before = bytes.len();
    postcard::serialize_with_flavor(value, Append(bytes)).map_err(|error| refuse(stage, &error))?;
    let length = bytes.len() - before;
    if length > MAX_PAYLOAD {
        return Err(CodecError::new(
            stage,
            format!(
                "{length} bytes are more than the {MAX_PAYLOAD} that may travel; send less at a time, or a path"
            ),
        ));
    }
    Ok(())
}

/// A value of all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    stage: CodecStage,
) -> Result<T, CodecError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(CodecError::new(
            stage,
            format!(
                "{} of {} bytes are left over: what is written is not what is read",
                rest.len(),
                bytes.len()
            ),
        )),
        Err(error) => Err(refuse(stage, &error)),
    }
}

/// A value of what a worker sent for a result.
pub(crate) fn decode_result<R: Payload>(bytes: &[u8]) -> Result<R, CodecError> {
    decode(bytes, CodecStage::DecodeResult)
}

fn refuse(stage: CodecStage, error: &postcard::Error) -> CodecError {
    use postcard::Error as E;
    let reason = match error {
        // Postcard keeps no text of these.
        E::SerdeSerCustom => "its `Serialize` refused".to_owned(),
        E::SerdeDeCustom => "its `Deserialize` refused".to_owned(),
        E::WontImplement => {
            "postcard does not describe itself: it has no place for untagged enums, `serde_json::Value` and the like".to_owned()
        }
        error => error.to_string(),
    };
    CodecError::new(stage, reason)
}

#[cfg(test)]
mod tests;
