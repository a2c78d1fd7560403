//! When the writer commits.
//!
//! No sample may wait for more than a second, and a commit costs the same whether it holds one
//! record or hundreds, some milliseconds each time. So it should be late, and with a batch, for which
//! the writer wakes anyway: with the last batch after which the next would come too late. Who sends a
//! batch says when it will send the next. Where everything is sampled once a second, all threads send
//! at the same instant, and the commit is made when the last of them has sent.
//!
//! A timer commits where a batch that was announced does not come in time: as late as the oldest
//! sample allows. A sample is not safe when its commit begins but when it has ended, so what commits
//! took of late is set aside.

use nodemon_formats::clock::boottime_ns;

/// No sample may be older than this before it is durable.
const DURABLE_WITHIN_NS: u64 = 1_000_000_000;
/// What wakes may scatter, and a commit take longer than the last ones. With 25 ms two of 82 kills lost
/// up to 1,006 ms where others kept the disk busy.
const SCATTER_NS: u64 = 75_000_000;
/// How late a batch may be that is announced, before nobody waits for it any more.
const OVERDUE_NS: u64 = 100_000_000;
/// How long it takes from when a batch is announced for until it is there, mostly.
const SAMPLING_NS: u64 = 5_000_000;

/// When to commit what came.
#[derive(Default)]
pub struct CommitTimes {
    /// Time of the oldest sample that is not durable, `CLOCK_BOOTTIME` ns.
    oldest_ns: Option<u64>,
    /// How long a commit may take, by what the last ones took.
    expected_ns: u64,
    /// When senders will send, `CLOCK_BOOTTIME` ns.
    announced: Vec<(SenderId, u64)>,
}

/// Tells senders apart.
pub type SenderId = usize;

impl CommitTimes {
    /// There is a sample of `time_ns` that is not durable.
    pub fn took(&mut self, time_ns: u64) {
        self.oldest_ns = Some(self.oldest_ns.map_or(time_ns, |oldest_ns| oldest_ns.min(time_ns)));
    }

    /// There is something that is not durable and has come just now.
    pub fn took_now(&mut self) {
        self.oldest_ns.get_or_insert_with(boottime_ns);
    }

    /// A batch has come at `now_ns`, whose sender will send again at `next_ns`, if it says so.
    /// Returns when to commit, if there is anything to; at once where that is not after `now_ns`.
    pub fn batch(&mut self, sender: SenderId, next_ns: Option<u64>, now_ns: u64) -> Option<u64> {
        // What it announced before for a later time still holds: it has sources of other cadences.
        let has_come = |of: SenderId, at_ns: u64| of == sender && at_ns <= now_ns;
        let is_overdue = |at_ns: u64| at_ns.saturating_add(OVERDUE_NS) <= now_ns;
        self.announced.retain(|&(of, at_ns)| !has_come(of, at_ns) && !is_overdue(at_ns));
        let news = next_ns.map(|next_ns| (sender, next_ns));
        let is_new = |news: &(SenderId, u64)| news.1 > now_ns && !self.announced.contains(news);
        if let Some(news) = news.filter(is_new) {
            self.announced.push(news);
        }
        let latest_ns = self.oldest_ns? + latest_commit_ns(self.expected_ns);
        let next_ns = self.announced.iter().map(|(_, at_ns)| *at_ns).min();
        let is_in_time = |next_ns: u64| next_ns.max(now_ns) + SAMPLING_NS <= latest_ns;
        Some(if next_ns.is_some_and(is_in_time) { latest_ns } else { now_ns })
    }

    /// A commit begins.
    pub fn begins(&mut self) {
        self.oldest_ns = None;
    }

    /// A commit took `took_ns`.
    pub fn ended(&mut self, took_ns: u64) {
        self.expected_ns = expected_commit_ns(self.expected_ns, took_ns);
    }
}

/// At which age of the oldest sample a commit must begin that is expected to take `expected_ns`.
fn latest_commit_ns(expected_ns: u64) -> u64 {
    DURABLE_WITHIN_NS.saturating_sub(SCATTER_NS + expected_ns)
}

/// What commits are expected to take after one that took `took_ns`: the longest of late, which counts
/// a sixteenth less after each.
fn expected_commit_ns(before_ns: u64, took_ns: u64) -> u64 {
    took_ns.max(before_ns - before_ns / 16)
}

#[cfg(test)]
mod tests {
    use super::{CommitTimes, expected_commit_ns};
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const BEGIN_MS: u64 = 1_000_000;

    /// Somebody who sends.
    #[derive(Clone, Copy, Debug)]
    struct Sender {
        /// How often, ms; every whole multiple of it.
        every_ms: u64,
        /// How long after that the batch is there, ms.
        takes_ms: u64,
        /// Whether its samples are as old as the batch before, or were taken at once.
        gathers: bool,
    }

    const SLOW: Sender = Sender { every_ms: 1000, takes_ms: 2, gathers: false };
    const DRAINS: Sender = Sender { every_ms: 250, takes_ms: 1, gathers: true };

    /// What committing came to.
    #[derive(Debug, Default, PartialEq)]
    struct Told {
        commits: usize,
        by_timer: usize,
        /// The greatest age of a sample when it was durable, ms.
        oldest_ms: u64,
    }

    /// What becomes of `batches`: when each comes, whose it is, its oldest sample and when the next
    /// comes, all in ms. Commits take `took_ms`, in which the writer does nothing else; what comes
    /// meanwhile is taken in before the next.
    fn commits(batches: &[(u64, usize, u64, Option<u64>)], took_ms: u64) -> Told {
        let mut times = CommitTimes::default();
        times.ended(took_ms * MS);
        let mut told = Told::default();
        let (mut timer, mut oldest, mut free_ns) = (None::<u64>, None::<u64>, 0);
        let mut left = batches.iter().peekable();
        while let Some(batch) = left.peek() {
            let comes = (batch.0 * MS).max(free_ns);
            let rings = timer.map_or(u64::MAX, |timer| timer.max(free_ns));
            let (is_by_timer, now) = (rings < comes, rings.min(comes));
            let mut is_due = is_by_timer;
            while let Some(batch) = left.next_if(|batch| !is_by_timer && batch.0 * MS <= now) {
                let &(_, sender, from_ms, next_ms) = batch;
                let from = from_ms * MS;
                times.took(from);
                oldest = Some(oldest.map_or(from, |oldest| oldest.min(from)));
                match times.batch(sender, next_ms.map(|ms| ms * MS), now) {
                    Some(due) if due <= now => is_due = true,
                    Some(due) => timer = Some(timer.map_or(due, |timer| timer.min(due))),
                    None => {}
                }
            }
            if is_due {
                timer = None;
                free_ns = now + took_ms * MS;
                told.commits += 1;
                told.by_timer += usize::from(is_by_timer);
                let age_ns = free_ns - oldest.take().unwrap_or(free_ns);
                told.oldest_ms = told.oldest_ms.max(age_ns.div_ceil(MS));
                times.begins();
                times.ended(took_ms * MS);
            }
        }
        told
    }

    /// The batches of a minute, in order of time.
    fn minute(senders: &[Sender]) -> Vec<(u64, usize, u64, Option<u64>)> {
        let mut batches: Vec<_> = (senders.iter().enumerate())
            .flat_map(|(id, sender)| {
                let Sender { every_ms, takes_ms, gathers } = *sender;
                (BEGIN_MS / every_ms..(BEGIN_MS + 60_000) / every_ms).map(move |n| {
                    let at_ms = n * every_ms;
                    let from_ms = if gathers { at_ms - every_ms } else { at_ms };
                    (at_ms + takes_ms, id, from_ms, Some(at_ms + every_ms))
                })
            })
            .collect();
        batches.sort_by_key(|batch| batch.0);
        batches
    }

    #[test]
    fn what_is_sampled_once_a_second_is_committed_when_all_of_it_is_there() {
        let later = Sender { takes_ms: 30, ..SLOW };
        let seldom = Sender { every_ms: 10_000, takes_ms: 9, ..SLOW };
        for (senders, oldest_ms) in [(&[SLOW][..], 7), (&[SLOW, later], 35), (&[SLOW, seldom], 14)]
        {
            let told = commits(&minute(senders), 5);
            // In the first second not all are known.
            assert!((60..=61).contains(&told.commits), "{senders:?}: {told:?}");
            assert_eq!((told.by_timer, told.oldest_ms), (0, oldest_ms), "{senders:?}: {told:?}");
        }
    }

    #[test]
    fn what_is_drained_is_committed_with_a_batch_and_as_late_as_may_be() {
        for senders in [&[DRAINS][..], &[DRAINS, SLOW], &[SLOW, DRAINS, DRAINS]] {
            let told = commits(&minute(senders), 5);
            assert!((79..=81).contains(&told.commits), "{senders:?}: {told:?}");
            assert_eq!(told.by_timer, 0, "{senders:?}: {told:?}");
        }
        let often = Sender { every_ms: 100, ..DRAINS };
        let told = commits(&minute(&[often]), 5);
        assert!(told.commits <= 67 && told.by_timer == 0, "{told:?}");
    }

    #[test]
    fn who_announced_a_batch_and_does_not_send_it_costs_one_commit_by_the_timer() {
        let mut batches = minute(&[SLOW]);
        // Sent once, and meant to send again with all others.
        batches.insert(1, (batches[0].0, 7, batches[0].0, Some(batches[1].0 - 2)));
        let told = commits(&batches, 5);
        assert!(told.commits <= 62 && told.by_timer == 1, "{told:?}");
        assert!(told.oldest_ms <= 1000, "{told:?}");
    }

    #[test]
    fn whatever_comes_between_slow_rounds_waits_for_the_next_where_it_may() {
        for stray_ms in [3, 30, 70, 300, 500, 950, 990] {
            let mut batches = minute(&[SLOW]);
            let at_ms = batches[30].0 - 2 + stray_ms;
            batches.push((at_ms, 7, at_ms, None));
            batches.sort_by_key(|batch| batch.0);
            let told = commits(&batches, 5);
            assert!(told.commits <= 61 && told.oldest_ms <= 1000, "{stray_ms} ms: {told:?}");
        }
    }

    #[test]
    fn slow_commits_begin_earlier_and_none_that_ends_in_time_is_late() {
        for took_ms in [0, 1, 9, 11, 20, 100, 230, 300] {
            let told = commits(&minute(&[DRAINS, SLOW]), took_ms);
            assert!(told.oldest_ms <= 1001, "commits take {took_ms} ms: {told:?}");
        }
    }

    #[test]
    fn while_commits_take_long_what_waits_does_not_grow() {
        for took_ms in [480, 700, 1500] {
            let told = commits(&minute(&[DRAINS, SLOW, SLOW, DRAINS]), took_ms);
            let most_ms = 2 * took_ms + 1000;
            assert!(told.oldest_ms <= most_ms, "commits take {took_ms} ms: {told:?}");
        }
    }

    #[test]
    fn sources_of_many_cadences_on_one_thread_are_one_commit_a_second() {
        let every = |every_ms| Sender { every_ms, ..SLOW };
        let mut batches = minute(&[every(1000), every(1100), every(1300), every(1500)]);
        // All of one sender.
        batches.iter_mut().for_each(|batch| batch.1 = 0);
        let told = commits(&batches, 5);
        assert!(told.commits <= 75, "{told:?}");
    }

    #[test]
    fn one_slow_commit_counts_for_some_seconds_and_no_more_after_a_few_minutes() {
        let mut expected_ns = expected_commit_ns(0, 600 * MS);
        let mut commits = 0;
        while expected_ns > 10 * MS {
            expected_ns = expected_commit_ns(expected_ns, 5 * MS);
            commits += 1;
        }
        assert!((10..100).contains(&commits), "after {commits} commits");
    }

    proptest! {
        #[test]
        fn no_sample_waits_longer_than_a_second_whatever_is_announced_and_comes(
            steps in proptest::collection::vec(
                (0u64..1500, 0usize..3, 0u64..300, proptest::option::of(0u64..2000)), 1..300),
        ) {
            let mut at_ms = BEGIN_MS;
            let batches: Vec<_> = steps.into_iter().map(|(step_ms, sender, age_ms, next_ms)| {
                at_ms += step_ms;
                (at_ms, sender, at_ms - age_ms, next_ms.map(|ms| at_ms + ms))
            }).collect();
            let told = commits(&batches, 5);
            prop_assert!(told.oldest_ms <= 1000, "{told:?}");
        }
    }
}
