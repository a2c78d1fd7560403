//! Which of two objects a feature is: the one that keeps something with tasks or sockets, or the other
//! one, where the kernel does not let it.

use super::kernel::release;
use super::{KernelTypes, Running, Settings};
use crate::error::FeatureError;
use crate::feature::{Feature, SAFE_STORAGE, STORAGE};
use std::sync::atomic::AtomicBool;

impl Running {
    /// Like [`Running::start`], and gives up between two programs once `is_ending` is set: to load
    /// them takes the verifier a while, and a process that exits waits for it.
    ///
    /// # Errors
    /// Those of [`Running::start`], and [`FeatureError::Ending`].
    pub fn start_unless(
        is_ending: &AtomicBool,
        feature: &'static Feature,
        settings: &Settings,
    ) -> Result<Running, FeatureError> {
        let kernel = KernelTypes::get()?;
        let start = |object| Running::start_object(feature, object, settings, &kernel, is_ending);
        let Some(other) = &feature.without_storage else { return start(feature.object) };
        let release = release();
        let lacks = |because: &str| format!("{}: {because}", other.lacks);
        if other.keeps_under_locks && release.is_none_or(|release| release < SAFE_STORAGE) {
            let mut running = start(other.object)?;
            running.missing.push(lacks(other.because));
            return Ok(running);
        }
        let is_to_be_had = release.is_some_and(|release| release >= STORAGE);
        let mut started = start(feature.object);
        // A kernel that has storage refused for something else, which may be over by now.
        if is_to_be_had && started.as_ref().is_err_and(FeatureError::may_pass) {
            started = start(feature.object);
        }
        let why = match started {
            Err(why) if why.may_pass() => why,
            started => return started,
        };
        // Where the other one does not run either it is not for want of storage.
        let mut running = match start(other.object) {
            Err(FeatureError::Ending) => return Err(FeatureError::Ending),
            Err(_) => return Err(why),
            Ok(running) => running,
        };
        running.missing.push(match is_to_be_had {
            true => lacks(&why.to_string()),
            false => lacks(other.because),
        });
        Ok(running)
    }
}
