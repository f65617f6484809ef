//! What a function is called on the way to a worker: where it lies in the main program, which is the same program there.

use std::marker::PhantomData;

use concurrent_futures_core::{
    executor::Payload,
    future::{CodecError, CodecStage},
};
use serde::{Deserialize, Serialize};

use super::{codec, image::Image};

const MAGIC: u64 = u64::from_le_bytes(*b"cf call\x01");

/// Decodes arguments, calls the function at an address with them, and encodes its result.
type Call = unsafe fn(usize, &[u8], &mut Vec<u8>) -> Result<(), CodecError>;

/// What knows the types of a function. One is in the program for each pair of types that is ever submitted.
#[repr(C)]
struct Descriptor {
    magic: u64,
    call: Call,
}

/// Where a function and what knows its types are in the main program, counted from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) code: u64,
    pub(crate) descriptor: u64,
}

struct Types<A, R>(PhantomData<fn(A) -> R>);

impl<A: Payload, R: Payload> Types<A, R> {
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        magic: MAGIC,
        call: Self::call,
    };

    /// # Safety
    /// `function` is a `fn(A) -> R`.
    unsafe fn call(
        function: usize,
        arguments: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        // SAFETY: as for this function.
        let function: fn(A) -> R = unsafe { std::mem::transmute(function) };
        let arguments = codec::decode(arguments, CodecStage::DecodeArguments)?;
        codec::encode(&function(arguments), result, CodecStage::EncodeResult)
    }
}

struct Initializes<A, E>(PhantomData<fn(A) -> E>);

impl<A: Payload, E: std::fmt::Display + 'static> Initializes<A, E> {
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        magic: MAGIC,
        call: Self::call,
    };

    /// # Safety
    /// `function` is a `fn(A) -> Result<(), E>`.
    unsafe fn call(
        function: usize,
        arguments: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        // SAFETY: as for this function.
        let function: fn(A) -> Result<(), E> = unsafe { std::mem::transmute(function) };
        let arguments = codec::decode(arguments, CodecStage::DecodeArguments)?;
        let made = function(arguments).map_err(|error| error.to_string());
        codec::encode(&made, result, CodecStage::EncodeResult)
    }
}

impl Function {
    /// `None` of a function that is not in the main program.
    pub(crate) fn of<A: Payload, R: Payload>(function: fn(A) -> R) -> Option<Self> {
        Self::at(function as usize, Types::<A, R>::DESCRIPTOR)
    }

    /// As [`of`](Self::of); its result is the text of the error.
    pub(crate) fn of_initializer<A: Payload, E: std::fmt::Display + 'static>(
        function: fn(A) -> Result<(), E>,
    ) -> Option<Self> {
        Self::at(function as usize, Initializes::<A, E>::DESCRIPTOR)
    }

    fn at(function: usize, descriptor: &'static Descriptor) -> Option<Self> {
        let image = Image::main();
        let address = std::ptr::from_ref(descriptor).addr();
        Some(Self {
            code: image.offset_of_code(function)?,
            descriptor: image.offset_of_data(address, size_of::<Descriptor>())?,
        })
    }
}

/// A function of this process that another one named.
#[derive(Clone, Copy)]
pub(crate) struct Callee {
    function: usize,
    call: Call,
}

impl Callee {
    /// Finds it. `None` if there is no such thing in this program.
    ///
    /// # Safety
    /// The name was made by [`Function::of`] or [`Function::of_initializer`], in a process of the same program.
    pub(crate) unsafe fn find(name: Function) -> Option<Self> {
        let image = Image::main();
        let function = image.code_at(name.code)?;
        let descriptor = image.data_at(
            name.descriptor,
            size_of::<Descriptor>(),
            align_of::<Descriptor>(),
        )?;
        let descriptor = std::ptr::with_exposed_provenance::<Descriptor>(descriptor);
        // The magic comes first.
        let magic = descriptor.cast::<u64>();
        // SAFETY: it lies in readable memory of the program, aligned, and that memory stays as it is.
        let magic = unsafe { magic.read() };
        if magic != MAGIC {
            return None;
        }
        // SAFETY: in the program that named it there is a descriptor at this place, and this is the same program.
        let call = unsafe { (*descriptor).call };
        Some(Self { function, call })
    }

    /// Calls it, and appends its result to `result`.
    pub(crate) fn call(self, arguments: &[u8], result: &mut Vec<u8>) -> Result<(), CodecError> {
        // SAFETY: function and descriptor were named together, by one who knew the types of both.
        unsafe { (self.call)(self.function, arguments, result) }
    }
}

#[cfg(test)]
mod tests;
