//! `-w`: which rows are wanted.

mod expression;
mod number;
mod test;
mod text;

pub use expression::{Filter, Operator};
pub use test::Test;

/// How filters are written; part of the help of every command that takes some.
pub const FILTERS: &str = "\
Filters:
  All that are given with -w have to hold. A row that does not have the value never passes.
  cpu=3   cpu=0-7,16   cpu!=0      a number, a range, any of a list, none of it
  device=sd*  device=sda,nvme*     text, with * ? [..] as in a shell
  stack~mutex  stack~mutex,rwsem   text that has any of these somewhere in it
  rss_bytes>1GiB  wait_ns>=10ms    < <= > >=, with the units of the column
  user>50%  read_bytes>10MB        where counters are shown as rates, the rate is compared";
