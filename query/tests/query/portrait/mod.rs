//! `portrait`: a page of the life of a process.

mod choice;
mod figures;
mod happened;
mod page;
mod recorded;
mod stacks;
mod table;
