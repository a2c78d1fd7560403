//! What the kernel says of itself: its types, read once for all features that start together.

use super::FeatureError;
use crate::allocator;
use crate::rejection::expected_rejection;
use aya::{Btf, EbpfLoader};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The kernel's types (BTF). Some 13 MB and 10 ms, twice: hold one while several features start, and
/// release it then.
pub struct KernelTypes(Option<Arc<Types>>);

struct Types {
    btf: Btf,
    /// A loader reads the types whenever one is made, so there is one for all.
    loader: Mutex<EbpfLoader<'static>>,
}

static SHARED: Mutex<Weak<Types>> = Mutex::new(Weak::new());

impl KernelTypes {
    /// Those that somebody holds; otherwise they are read.
    ///
    /// # Errors
    /// When the kernel was built without them, or does not let this process use eBPF.
    pub fn get() -> Result<KernelTypes, FeatureError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(types) = shared.upgrade() {
            return Ok(KernelTypes(Some(types)));
        }
        if let Some(error) = expected_rejection() {
            return Err(FeatureError::NotPermitted(error.to_string()));
        }
        let btf = Btf::from_sys_fs().map_err(|error| FeatureError::NoTypes(error.to_string()))?;
        let types = Arc::new(Types { btf, loader: Mutex::new(EbpfLoader::new()) });
        *shared = Arc::downgrade(&types);
        Ok(KernelTypes(Some(types)))
    }

    /// For attaching programs.
    pub(crate) fn btf(&self) -> Option<&Btf> {
        self.0.as_deref().map(|types| &types.btf)
    }

    /// Does something with the loader. What is set there stays set for the next one.
    pub(crate) fn with_loader<R>(
        &self,
        load: impl FnOnce(&mut EbpfLoader<'static>) -> R,
    ) -> Option<R> {
        let types = self.0.as_deref()?;
        Some(load(&mut types.loader.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for KernelTypes {
    fn drop(&mut self) {
        if self.0.take().and_then(Arc::into_inner).is_some() {
            allocator::give_back();
        }
    }
}

/// Major and minor number of the kernel, where it says them.
pub(super) fn release() -> Option<(u32, u32)> {
    let [major, minor, _] = release_numbers(rustix::system::uname().release().to_str().ok()?)?;
    Some((major, minor))
}

/// The numbers in the release of a kernel, `6.12.9-amd64`; the last is 0 where there is none.
pub fn release_numbers(release: &str) -> Option<[u32; 3]> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next().unwrap_or(0)])
}
