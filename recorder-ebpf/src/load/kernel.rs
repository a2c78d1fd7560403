//! What the kernel says of its types, read once for all features that start together.

use super::FeatureError;
use crate::heap;
use aya::Btf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The kernel's types (BTF). Some 13 MB, 10 ms to read: hold one while several features start, and
/// let go of it then.
pub struct KernelTypes(Option<Arc<Btf>>);

static SHARED: Mutex<Weak<Btf>> = Mutex::new(Weak::new());

impl KernelTypes {
    /// Those that somebody holds; otherwise they are read.
    ///
    /// # Errors
    /// When the kernel was built without them.
    pub fn get() -> Result<KernelTypes, FeatureError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(types) = shared.upgrade() {
            return Ok(KernelTypes(Some(types)));
        }
        let types = Btf::from_sys_fs().map_err(|error| FeatureError::NoTypes(error.to_string()))?;
        let types = Arc::new(types);
        *shared = Arc::downgrade(&types);
        Ok(KernelTypes(Some(types)))
    }

    /// For the loader.
    pub(crate) fn btf(&self) -> Option<&Btf> {
        self.0.as_deref()
    }
}

impl Drop for KernelTypes {
    fn drop(&mut self) {
        if self.0.take().and_then(Arc::into_inner).is_some() {
            heap::give_back();
        }
    }
}
