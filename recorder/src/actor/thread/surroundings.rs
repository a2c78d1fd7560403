//! What a source needs around it on its thread.

use super::clock::Clock;
use super::outbox::Outbox;
use super::workers::Workers;
use crate::actor::writer::Writer;
use actix::Addr;
use std::rc::Rc;
use std::sync::Arc;

/// What a source needs around it on its thread.
#[derive(Clone)]
pub struct Surroundings {
    /// Says when.
    pub clock: Rc<Clock>,
    /// Takes records.
    pub outbox: Arc<Outbox>,
    /// Numbers tables.
    pub writer: Addr<Writer>,
    /// Open and close sources, which may take a while.
    pub workers: Workers,
    /// The thread, as the kernel numbers it.
    pub thread: i32,
}
