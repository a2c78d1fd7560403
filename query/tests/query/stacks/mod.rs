//! Profiles: `stacks`, and stacks in every other answer.

mod errors;
mod formats;
mod looks;
mod pprof;
mod recorded;
mod rows;
mod shows;
