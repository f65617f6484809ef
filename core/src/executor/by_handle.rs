//! Owners of pools do what their handle does: written once, for every kind of owner.

/// Implements [`Executor`](crate::executor::Executor) for an owner of a pool, by the handle that it derefs to.
///
/// `executor_by_handle!([generics] Type)`.
#[macro_export]
#[doc(hidden)]
macro_rules! executor_by_handle {
    ([$($generics:tt)*] $owner:ty) => {
        impl<$($generics)*> $crate::executor::Executor for $owner {
            fn submit<A: $crate::executor::Payload, R: $crate::executor::Payload>(
                &self,
                f: fn(A) -> R,
                args: A,
            ) -> Result<
                $crate::future::Future<R>,
                $crate::future::SubmitError<(fn(A) -> R, A)>,
            > {
                (**self).submit(f, args)
            }

            fn submit_result<
                A: $crate::executor::Payload,
                T: $crate::executor::Payload,
                E: $crate::executor::Payload,
            >(
                &self,
                f: fn(A) -> Result<T, E>,
                args: A,
            ) -> Result<
                $crate::future::Future<Result<T, E>>,
                $crate::future::SubmitError<(fn(A) -> Result<T, E>, A)>,
            > {
                (**self).submit_result(f, args)
            }

            fn map_with<
                A: $crate::executor::Payload,
                R: $crate::executor::Payload,
                I: IntoIterator<Item = A>,
            >(
                &self,
                options: $crate::executor::MapOptions,
                f: fn(A) -> R,
                input: I,
            ) -> Result<
                impl Iterator<Item = Result<R, $crate::executor::MapError>>,
                $crate::future::SubmitError<()>,
            > {
                (**self).map_with(options, f, input)
            }

            fn step(&self) {
                (**self).step();
            }

            fn shutdown(
                &self,
                wait: bool,
                cancel_futures: bool,
            ) -> Result<$crate::scheduler::ShutdownReport, $crate::scheduler::ShutdownError> {
                (**self).shutdown(wait, cancel_futures)
            }
        }
    };
}

/// Gives an owner of a pool the methods whose names the [`Executor`](crate::executor::Executor) trait has too, so that with the trait in
/// scope calls still find these, which take any closure. The owner derefs to a `Handle` of the backend.
#[macro_export]
#[doc(hidden)]
macro_rules! submit_by_handle {
    ([$($generics:tt)*] $owner:ty, $backend:ty) => {
        impl<$($generics)*> $owner {
            /// As [`Handle::submit`]($crate::executor::Handle::submit).
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn submit<A, R, F>(
                &self,
                f: F,
                args: A,
            ) -> Result<$crate::future::Future<R>, $crate::future::SubmitError<(F, A)>>
            where
                A: Send + 'static,
                R: Send + 'static,
                F: FnOnce(A) -> R + Send + 'static,
            {
                (**self).submit(f, args)
            }

            /// As [`Handle::submit_result`]($crate::executor::Handle::submit_result).
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn submit_result<A, T, E, F>(
                &self,
                f: F,
                args: A,
            ) -> Result<
                $crate::future::Future<Result<T, E>>,
                $crate::future::SubmitError<(F, A)>,
            >
            where
                A: Send + 'static,
                T: Send + 'static,
                E: Send + 'static,
                F: FnOnce(A) -> Result<T, E> + Send + 'static,
            {
                (**self).submit_result(f, args)
            }

            /// As [`Handle::map`]($crate::executor::Handle::map).
            ///
            /// # Errors
            /// As there.
            pub fn map<A, R, F, I>(
                &self,
                f: F,
                input: I,
            ) -> Result<
                $crate::executor::Map<$backend, F, I::IntoIter, R>,
                $crate::future::SubmitError<()>,
            >
            where
                A: Send + 'static,
                R: Send + 'static,
                F: Fn(A) -> R + Send + Sync + 'static,
                I: IntoIterator<Item = A>,
            {
                (**self).map(f, input)
            }

            /// As [`Handle::map_with`]($crate::executor::Handle::map_with).
            ///
            /// # Errors
            /// As there.
            pub fn map_with<A, R, F, I>(
                &self,
                options: $crate::executor::MapOptions,
                f: F,
                input: I,
            ) -> Result<
                $crate::executor::Map<$backend, F, I::IntoIter, R>,
                $crate::future::SubmitError<()>,
            >
            where
                A: Send + 'static,
                R: Send + 'static,
                F: Fn(A) -> R + Send + Sync + 'static,
                I: IntoIterator<Item = A>,
            {
                (**self).map_with(options, f, input)
            }
        }
    };
}
