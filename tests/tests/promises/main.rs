//! The promises of nodemon, held on real processes: real recorders, real kills, real disks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod concurrent;
mod copy;
mod damage;
mod disk;
mod docs;
mod export;
mod hang;
mod happenings;
mod help;
mod incidents;
mod interfaces;
mod kill;
mod layout;
mod licences;
mod mutants;
mod ring;
mod truth;
