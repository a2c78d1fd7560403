//! The promises of nodemon, held on real processes: real recorders, real kills, real disks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod docs;
mod licences;
