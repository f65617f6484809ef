//! P2: what cannot travel fails one call, and says where.

use std::panic::{AssertUnwindSafe, catch_unwind};

use concurrent_futures::{
    BuildError, CodecStage, Executor, MapError, MapOptions, ProcessPoolExecutor, ReturnWhen,
    SubmitError, TaskError, wait,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::help::{Folder, alone, note, noted, one, one_with, pid, pid_of};

/// Travels, or does not.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fickle {
    out: u8,
    back: u8,
}

const FINE: u8 = 0;
const ERROR: u8 = 1;
const PANIC: u8 = 2;

const SOUND: Fickle = Fickle {
    out: FINE,
    back: FINE,
};

fn travels(how: u8, what: &'static str) -> Result<(), &'static str> {
    match how {
        ERROR => Err(what),
        PANIC => panic!("panic: {what}"),
        _ => Ok(()),
    }
}

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        travels(self.out, "will not leave").map_err(ser::Error::custom)?;
        (self.out, self.back).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (out, back) = Deserialize::deserialize(deserializer)?;
        travels(back, "will not arrive").map_err(de::Error::custom)?;
        Ok(Self { out, back })
    }
}

fn take((file, _): (String, Fickle)) -> u32 {
    note(file, 1);
    std::process::id()
}

fn make((out, back): (u8, u8)) -> Fickle {
    Fickle { out, back }
}

fn stage(error: &TaskError) -> CodecStage {
    match error {
        TaskError::Codec(codec) => codec.stage(),
        other => panic!("{other:?}"),
    }
}

// contract: P2
#[test]
fn arguments_that_cannot_be_encoded_come_back_from_submit() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let bad = Fickle {
            out: ERROR,
            back: 7,
        };
        for _ in 0..3 {
            let error = pool.submit(take, (folder.file("ran"), bad)).unwrap_err();
            assert!(
                matches!(&error, SubmitError::Codec(codec, _) if codec.stage() == CodecStage::EncodeArguments),
                "{error:?}"
            );
            let (f, (file, back)) = error.into_inner();
            assert_eq!((file, back), (folder.file("ran"), bad));
            assert!(f as usize == take as fn((String, Fickle)) -> u32 as usize);
            let error = pool
                .try_submit(take, (folder.file("ran"), bad))
                .unwrap_err();
            assert!(matches!(error, SubmitError::Codec(..)));
            let error = Executor::submit(&pool, take, (folder.file("ran"), bad)).unwrap_err();
            assert!(matches!(error, SubmitError::Codec(..)));
        }
        assert_eq!(pool.stats().queued, 0);
        let call = pool.submit(take, (folder.file("ran"), SOUND)).unwrap();
        call.result().unwrap();
        assert_eq!(noted(folder.file("ran")).len(), 1, "nothing else ran");
    });
}

// contract: P2
#[test]
fn a_panic_while_arguments_are_encoded_is_the_submitters() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let bad = Fickle {
            out: PANIC,
            back: FINE,
        };
        for _ in 0..3 {
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                pool.submit(take, (folder.file("ran"), bad)).map(drop)
            }));
            let payload = unwound.unwrap_err();
            assert_eq!(
                payload.downcast_ref::<String>().unwrap(),
                "panic: will not leave"
            );
        }
        assert_eq!(
            pool.submit(take, (folder.file("ran"), SOUND))
                .unwrap()
                .result()
                .unwrap(),
            pid_of(&pool)
        );
        assert_eq!(noted(folder.file("ran")).len(), 1);
    });
}

// contract: P2, R8
#[test]
fn arguments_that_cannot_be_decoded_fail_their_call_only() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let worker = pid_of(&pool);
        for _ in 0..3 {
            let bad = pool
                .submit(
                    take,
                    (
                        folder.file("ran"),
                        Fickle {
                            out: FINE,
                            back: ERROR,
                        },
                    ),
                )
                .unwrap();
            let good = pool.submit(pid, ()).unwrap();
            assert_eq!(good.result().unwrap(), worker, "the same worker goes on");
            assert!(bad.wait() && bad.failed());
            let error = bad.result().unwrap_err();
            assert_eq!(stage(&error), CodecStage::DecodeArguments);
        }
        assert_eq!(noted(folder.file("ran")).len(), 0, "it was never called");
    });
}

// contract: P2, R8
#[test]
fn results_that_cannot_be_encoded_or_decoded_fail_their_call_only() {
    alone(|| {
        let pool = one();
        let worker = pid_of(&pool);
        for (how, expected) in [
            ((ERROR, FINE), CodecStage::EncodeResult),
            ((FINE, ERROR), CodecStage::DecodeResult),
        ] {
            let bad = pool.submit(make, how).unwrap();
            let good = pool.submit(make, (FINE, FINE)).unwrap();
            assert_eq!(good.result().unwrap(), SOUND);
            assert!(bad.wait());
            // What came back broken is looked at by whoever takes it.
            let error = bad.result().unwrap_err();
            assert_eq!(stage(&error), expected);
            assert_eq!(pid_of(&pool), worker);
        }
    });
}

// contract: P2
#[test]
fn a_panic_in_any_codec_fails_that_one_call() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let worker = pid_of(&pool);
        let back_panics = Fickle {
            out: FINE,
            back: PANIC,
        };
        for _ in 0..3 {
            let arguments = pool
                .submit(take, (folder.file("ran"), back_panics))
                .unwrap();
            let encoded = pool.submit(make, (PANIC, FINE)).unwrap();
            let decoded = pool.submit(make, (FINE, PANIC)).unwrap();
            let good = pool.submit(make, (FINE, FINE)).unwrap();
            assert_eq!(good.result().unwrap(), SOUND);
            for (bad, message) in [(encoded, "will not leave"), (decoded, "will not arrive")] {
                let error = bad.result().unwrap_err();
                assert!(
                    matches!(error, TaskError::Panicked(_) | TaskError::Codec(_)),
                    "{error:?}"
                );
                assert!(error.to_string().contains(message), "{error}");
            }
            let error = arguments.result().unwrap_err();
            assert!(
                matches!(error, TaskError::Panicked(_) | TaskError::Codec(_)),
                "{error:?}"
            );
            assert!(error.to_string().contains("will not arrive"), "{error}");
            assert_eq!(pid_of(&pool), worker);
        }
        assert!(noted(folder.file("ran")).is_empty());
    });
}

// contract: P2, W1
#[test]
fn waiters_and_callbacks_hear_of_a_result_that_cannot_be_decoded() {
    alone(|| {
        for how in [ERROR, PANIC] {
            let pool = one();
            let bad = pool.submit(make, (FINE, how)).unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            bad.add_done_callback(move |done| {
                tell.send((done.failed(), done.outcome().is_err())).unwrap()
            });
            let split = wait([&bad], ReturnWhen::AllCompleted, None);
            assert_eq!(split.done.len(), 1);
            assert_eq!(told.recv().unwrap(), (true, true));
            assert!(bad.result_ref().is_err());
            assert!(bad.result().is_err());
        }
    });
}

// contract: P2, M3
#[test]
fn items_of_a_map_that_cannot_travel_fail_alone() {
    alone(|| {
        for chunksize in [1, 7, 100] {
            let pool = ProcessPoolExecutor::new(2).unwrap();
            let options = MapOptions::new().keep_going(true).chunksize(chunksize);
            let hows = (0..30).map(|n| match n {
                5 | 6 => (ERROR, FINE),
                12 => (FINE, ERROR),
                17 => (PANIC, FINE),
                23 => (FINE, PANIC),
                _ => (FINE, FINE),
            });
            let outcomes: Vec<_> = pool.map_with(options, make, hows).unwrap().collect();
            assert_eq!(outcomes.len(), 30);
            for (n, outcome) in outcomes.into_iter().enumerate() {
                match (n, outcome) {
                    (5 | 6, Err(MapError::Task(error))) => {
                        assert_eq!(stage(&error), CodecStage::EncodeResult)
                    }
                    (12, Err(MapError::Task(error))) => {
                        assert_eq!(stage(&error), CodecStage::DecodeResult)
                    }
                    (17 | 23, Err(MapError::Task(_))) => {}
                    (_, Ok(made)) => assert_eq!(made, SOUND),
                    (n, other) => panic!("{n}: {other:?}"),
                }
            }
        }
    });
}

// contract: P2, M3
#[test]
fn items_of_a_map_that_cannot_be_decoded_in_the_worker_fail_alone() {
    alone(|| {
        for chunksize in [1, 4, 100] {
            let (pool, folder) = (one(), Folder::new());
            let options = MapOptions::new().keep_going(true).chunksize(chunksize);
            let items = (0..12).map(|n| {
                (
                    folder.file("ran"),
                    Fickle {
                        out: FINE,
                        back: [FINE, ERROR, PANIC][n % 3],
                    },
                )
            });
            let outcomes: Vec<_> = pool.map_with(options, take, items).unwrap().collect();
            let good: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
            assert_eq!(good, [true, false, false].repeat(4), "{outcomes:?}");
            assert_eq!(noted(folder.file("ran")).len(), 4);
        }
    });
}

// contract: P2, M8
#[test]
fn an_item_that_cannot_be_encoded_is_told_and_breaks_nothing() {
    alone(|| {
        let (pool, folder) = (one(), Folder::new());
        let items = [FINE, ERROR, FINE].map(|out| (folder.file("ran"), Fickle { out, back: FINE }));
        match pool.map(take, items) {
            Err(SubmitError::Codec(codec, _)) => {
                assert_eq!(codec.stage(), CodecStage::EncodeArguments)
            }
            Err(other) => panic!("{other:?}"),
            // Whatever is read later is an item.
            Ok(items) => {
                let outcomes: Vec<_> = items.collect();
                assert!(outcomes.last().unwrap().is_err(), "{outcomes:?}");
            }
        }
        let items = [FINE, PANIC].map(|out| (folder.file("ran"), Fickle { out, back: FINE }));
        assert!(
            catch_unwind(AssertUnwindSafe(|| pool
                .map(take, items)
                .map(Iterator::count)))
            .is_err()
        );
        pid_of(&pool);
    });
}

// contract: P2
#[test]
fn an_initializer_whose_arguments_cannot_be_encoded_is_an_error_of_build() {
    fn init(_: Fickle) -> Result<(), String> {
        Ok(())
    }
    alone(|| {
        let built = one_with()
            .initializer(
                init,
                Fickle {
                    out: ERROR,
                    back: FINE,
                },
            )
            .build();
        assert!(
            matches!(&built, Err(BuildError::Codec(codec)) if codec.stage() == CodecStage::EncodeArguments),
            "{built:?}"
        );
        // In the worker it is the initializer that fails.
        for back in [ERROR, PANIC] {
            let pool = one_with()
                .initializer(init, Fickle { out: FINE, back })
                .build()
                .unwrap();
            let call = pool.submit(pid, ());
            if let Ok(call) = call {
                let error = call.result().unwrap_err();
                assert!(matches!(error, TaskError::Broken(_)), "{error:?}");
            }
        }
    });
}
