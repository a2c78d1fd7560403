//! Recordings written and read back: what was pushed is what is read, whatever happens in between.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod child;
mod model;
mod noise;
mod support;

mod boots;
mod concurrent;
mod crafted;
mod crash;
mod damage;
mod disk_under_it;
mod evolution;
mod failing_disk;
mod fine_rows;
mod fixture;
mod foreign_files;
mod histograms;
mod history;
mod hostile_blocks;
mod hostile_files;
mod kills;
mod large_commits;
mod newer;
mod pages;
mod pins;
mod power_cut;
mod round_trip;
mod stacks;
mod tiers;
mod waiting;
