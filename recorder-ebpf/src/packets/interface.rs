//! The two programs on one interface.

use super::route;
use super::store::Store;
use crate::object::find;
use aya::Ebpf;
use aya::programs::links::FdLink;
use aya::programs::tc::{
    NlOptions, SchedClassifierLink, TcAttachOptions, TcError, qdisc_add_clsact,
    qdisc_detach_program,
};
use aya::programs::{LinkOrder, ProgramError, SchedClassifier, TcAttachType};
use std::io;
use std::sync::Arc;

/// Where on an interface programs are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Links to the interface (TCX, from 6.6 on), which end with the process.
    Tcx,
    /// SupportedFilters in its clsact qdisc, which stay when a process is killed.
    Clsact,
}

/// The programs, by their names: what is received, and what is sent.
pub type Programs = [&'static str; 2];

const DIRECTIONS: [TcAttachType; 2] = [TcAttachType::Ingress, TcAttachType::Egress];

/// What is attached to one interface. It is taken away when this is dropped.
pub struct InterfaceAttachment {
    index: u32,
    links: Vec<SchedClassifierLink>,
    /// What keeps the links instead.
    store: Option<Arc<Store>>,
    /// Whether the qdisc is here because of us.
    owns_clsact: bool,
}

impl InterfaceAttachment {
    /// Hangs both programs, which are loaded, on an interface.
    ///
    /// # Errors
    /// The kernel's, when it does not take one of them; then neither is attached.
    pub fn attach(
        object: &mut Ebpf,
        programs: Programs,
        place: Place,
        store: Option<&Arc<Store>>,
        (index, name): (u32, &str),
    ) -> Result<InterfaceAttachment, ProgramError> {
        let store = store.filter(|_| place == Place::Tcx).cloned();
        let mut attached =
            InterfaceAttachment { index, links: Vec::new(), store, owns_clsact: false };
        if place == Place::Clsact {
            attached.owns_clsact = prepare_clsact(name, programs)?;
        }
        for (at, (program, direction)) in programs.into_iter().zip(DIRECTIONS).enumerate() {
            let program: &mut SchedClassifier = find(object, program)
                .map_err(|error| ProgramError::IOError(io::Error::other(error)))?;
            let link = attach(program, name, direction, place)?;
            let link = program.take_link(link)?;
            match &attached.store {
                Some(store) => {
                    let link = FdLink::try_from(link)
                        .map_err(|error| ProgramError::IOError(io::Error::other(error)))?;
                    store.keep((index, at), link).map_err(ProgramError::IOError)?;
                }
                None => attached.links.push(link),
            }
        }
        Ok(attached)
    }
}

impl InterfaceAttachment {
    /// Leaves the links to end with what keeps them.
    pub fn leave_to_store(&mut self) {
        self.store = None;
    }
}

/// First of all: what is behind others sees only what they let through.
fn attach(
    program: &mut SchedClassifier,
    name: &str,
    direction: TcAttachType,
    place: Place,
) -> Result<aya::programs::tc::SchedClassifierLinkId, ProgramError> {
    if place == Place::Tcx {
        let options = TcAttachOptions::TcxOrder(LinkOrder::first());
        return program.attach_with_options(name, direction, options);
    }
    let at = |priority| TcAttachOptions::Netlink(NlOptions { priority, ..NlOptions::default() });
    // SupportedFilters of other kinds may have the first place; then the kernel finds one.
    program
        .attach_with_options(name, direction, at(1))
        .or_else(|_| program.attach_with_options(name, direction, at(0)))
}

/// Sees to it that there is a clsact qdisc without filters of ours. Says whether it is ours: we have
/// made it now, or a recorder that was killed had its filters there.
fn prepare_clsact(name: &str, programs: Programs) -> Result<bool, TcError> {
    match qdisc_add_clsact(name) {
        Ok(()) => return Ok(true),
        Err(error) if is_there_already(&error) => {}
        Err(error) => return Err(error),
    }
    let mut was_ours = false;
    for (program, direction) in programs.into_iter().zip(DIRECTIONS) {
        match qdisc_detach_program(name, direction, program) {
            Ok(()) => was_ours = true,
            Err(TcError::IoError(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(was_ours)
}

fn is_there_already(error: &TcError) -> bool {
    match error {
        TcError::AlreadyAttached => true,
        TcError::NetlinkError(error) => error.raw_os_error() == Some(libc::EEXIST),
        _ => false,
    }
}

impl Drop for InterfaceAttachment {
    fn drop(&mut self) {
        self.links.clear();
        if let Some(store) = &self.store {
            (0..DIRECTIONS.len()).for_each(|at| store.remove((self.index, at)));
        }
        // Others may have begun to use it. One that has no filters now is used by nobody.
        if self.owns_clsact && route::has_filters(self.index).is_ok_and(|has_some| !has_some) {
            // The interface may be gone, and its qdisc with it.
            let _ = route::remove_clsact(self.index);
        }
    }
}
