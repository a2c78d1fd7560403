//! What the hardware feels: temperatures, fans, voltages, power, currents ([`hwmon`]), the
//! frequency of each CPU ([`frequency`]), the energy that was used ([`energy`]).
//!
//! They are sources of their own because their costs differ: a sensor may sit behind a slow bus and
//! keep its reader waiting for milliseconds, an energy counter is a register.

pub mod energy;
pub mod frequency;
pub mod hwmon;
mod kinds;
