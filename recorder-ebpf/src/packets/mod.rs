//! Programs that see the packets of every network interface, as interfaces come and go.
//!
//! They are attached to interfaces of the network namespace of the thread that starts them. Where they are
//! filters of a qdisc (before 6.6) they stay when the process is killed: the next one knows them by
//! the names of their programs and replaces them, and so would a second one that runs beside the
//! first.

mod counters;
mod interface;
mod route;
mod store;
#[cfg(test)]
mod tests;

use crate::error::FeatureError;
use crate::object::find;
use aya::Ebpf;
use aya::programs::{ProgramError, SchedClassifier};
use counters::Counters;
use interface::{InterfaceAttachment, Place, Programs};
use route::LinkMonitor;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;

/// How often an interface that does not take the programs is tried.
const TRIES: u32 = 3;
/// So long programs are attached, and then it is time for other things: with hundreds of interfaces
/// all of them take seconds.
const AT_ONCE: Duration = Duration::from_millis(200);

/// What is attached to interfaces. It is taken away when this is dropped; links that are kept in a
/// [`Store`] by the kernel, soon after.
pub struct Packets {
    programs: Programs,
    place: Place,
    /// The only interface that is looked at, or 0.
    only: u32,
    monitor: LinkMonitor,
    /// Whether the interfaces are to be listed again, whatever the monitor says.
    is_stale: bool,
    counters: Counters,
    /// What keeps links, where the kernel has it.
    store: Option<Arc<Store>>,
    /// Whether there was no time for some interfaces yet.
    has_more: bool,
    /// Those that there were when they were listed last.
    there: Vec<(u32, String)>,
    attached: BTreeMap<u32, InterfaceAttachment>,
    /// Interfaces that did not take them, and how often.
    refused: BTreeMap<u32, u32>,
    /// Whether the counts of interfaces that are gone may still be there: they are to be read once
    /// more.
    has_gone: bool,
}

impl Packets {
    /// Hangs two programs, for what is received and what is sent, on every interface there is, or
    /// on the one of the number `only`.
    ///
    /// # Errors
    /// When the kernel does not take the programs, or none of its interfaces does.
    pub fn attach(
        object: &mut Ebpf,
        received: &'static str,
        sent: &'static str,
        only: u32,
    ) -> Result<Packets, FeatureError> {
        let programs = [received, sent];
        let first = Packets::attach_in(object, programs, only, Place::Tcx);
        match first {
            Err(FeatureError::NotPermitted(_)) | Ok(_) => first,
            Err(_) => Packets::attach_in(object, programs, only, Place::Clsact),
        }
    }

    fn attach_in(
        object: &mut Ebpf,
        programs: Programs,
        only: u32,
        place: Place,
    ) -> Result<Packets, FeatureError> {
        let [received, _] = programs;
        for name in programs {
            let program: &mut SchedClassifier = find(object, name)?;
            match program.load() {
                Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
                Err(error) => return Err(FeatureError::from_program(name, error)),
            }
        }
        let told = |source| FeatureError::Read { path: "the list of interfaces".into(), source };
        let mut packets = Packets {
            programs,
            place,
            only,
            // Before they are listed, so that none comes in between.
            monitor: LinkMonitor::new().map_err(told)?,
            is_stale: false,
            counters: Counters::from_object(object)?,
            store: Store::new().ok().map(Arc::new),
            has_more: false,
            there: Vec::new(),
            attached: BTreeMap::new(),
            refused: BTreeMap::new(),
            has_gone: false,
        };
        let why = packets.poll(object).map_err(told)?;
        match why {
            Some(why) if packets.attached.is_empty() => {
                Err(FeatureError::from_program(received, why))
            }
            _ => Ok(packets),
        }
    }

    /// The interfaces that there are, by number and name.
    pub fn there(&self) -> &[(u32, String)] {
        &self.there
    }

    /// Takes out what was counted on interfaces that are gone, once that was read. Says whether there
    /// may have been any.
    pub fn forget_gone(&mut self) -> bool {
        if self.has_gone {
            let there: BTreeSet<u32> = self.there.iter().map(|(index, _)| *index).collect();
            self.counters.keep(&there);
        }
        std::mem::take(&mut self.has_gone)
    }

    /// Whether there are interfaces for which there was no time yet.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Looks for interfaces that have come or gone: one system call where none has. Says whether there
    /// was any change.
    pub fn follow(&mut self, object: &mut Ebpf) -> bool {
        let is_new = self.monitor.is_new() || self.is_stale || self.has_more;
        if is_new {
            self.is_stale =
                self.poll(object).is_err() || self.refused.values().any(|tries| *tries < TRIES);
        }
        is_new
    }

    /// Hangs the programs on interfaces that have come, and forgets those that are gone. Hands out
    /// why one did not take them.
    fn poll(&mut self, object: &mut Ebpf) -> std::io::Result<Option<ProgramError>> {
        self.there = route::interfaces()?;
        let mut there = self.there.clone();
        if self.only != 0 {
            there.retain(|(index, _)| *index == self.only);
        }
        let is_there = |index: &u32| there.iter().any(|(other, _)| other == index);
        // Also of one that was gone before anything was attached to it under its own number: programs are
        // attached by name, and that may have been another one's when they were listed.
        self.has_gone = true;
        self.attached.retain(|index, _| is_there(index));
        self.refused.retain(|index, _| is_there(index));
        let mut why = None;
        self.has_more = false;
        let begun = Instant::now();
        for (index, name) in &there {
            let tries = self.refused.get(index).copied().unwrap_or(0);
            if tries >= TRIES || self.attached.contains_key(index) {
                continue;
            }
            if begun.elapsed() >= AT_ONCE {
                self.has_more = true;
                break;
            }
            let interface = (*index, name.as_str());
            let mut attached = InterfaceAttachment::attach(
                object,
                self.programs,
                self.place,
                self.store.as_ref(),
                interface,
            );
            // Where the first cannot be kept none can: links are closed in the end.
            if attached.is_err() && self.attached.is_empty() && self.store.take().is_some() {
                attached =
                    InterfaceAttachment::attach(object, self.programs, self.place, None, interface);
            }
            match attached {
                Ok(attached) => {
                    self.attached.insert(*index, attached);
                    self.refused.remove(index);
                }
                Err(error) => {
                    self.refused.insert(*index, tries + 1);
                    why = Some(error);
                }
            }
        }
        Ok(why)
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        // All at once, with what they are in.
        if self.store.take().is_some() {
            self.attached.values_mut().for_each(InterfaceAttachment::leave_to_store);
        }
    }
}
