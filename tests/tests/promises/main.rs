//! The promises of nodemon, held on real processes: real recorders, real kills, real disks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

// Tests begin in the order of their names: those of `bound`, which take longest, are among the first.
mod account;
mod bound;
mod concurrent;
mod copy;
mod damage;
mod disk;
mod docs;
mod export;
mod functions;
mod hang;
mod happenings;
mod help;
mod incidents;
mod interfaces;
mod kill;
mod layout;
mod leaks;
mod licences;
mod mutants;
mod pins;
mod stacks;
mod triggers;
mod truth;
