//! redb takes the pages of a file on trust: over a damaged page it panics. Such a panic means that
//! the file is damaged and nothing else, so it is caught here, silently, and told as damage.
//!
//! A panic may leave redb's locks poisoned, so what it was caught over is dropped under the same
//! guard.

use super::SegmentError;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `action`; a panic in it is damage.
///
/// # Errors
/// Those of `action`, or [`SegmentError::Database`] when it panicked.
pub fn guarded<T>(action: impl FnOnce() -> Result<T, SegmentError>) -> Result<T, SegmentError> {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    // What a panic leaves behind in redb is only ever dropped, under this same guard.
    let outcome = catch_unwind(AssertUnwindSafe(action));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|_| Err(SegmentError::Database("its trees are damaged".into())))
}

/// Something of redb's that is dropped under the guard.
pub struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    /// Puts it under the guard.
    pub fn new(inner: T) -> Guarded<T> {
        Guarded(Some(inner))
    }

    /// Runs `action` with it.
    ///
    /// # Errors
    /// As [`guarded`].
    pub fn with<R>(
        &self,
        action: impl FnOnce(&T) -> Result<R, SegmentError>,
    ) -> Result<R, SegmentError> {
        match &self.0 {
            Some(inner) => guarded(|| action(inner)),
            None => Err(SegmentError::Database("it was closed".into())),
        }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let inner = self.0.take();
        // Nothing can be done about a database that cannot be closed but was only read.
        let _ = guarded(|| {
            drop(inner);
            Ok(())
        });
    }
}
