//! User and system time as `/proc` has them: their ratio is counted by ticks, their sum is exact.

/// The last answer. Neither of the two ever goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In user code.
    pub user_ns: u64,
    /// In the kernel.
    pub system_ns: u64,
}

impl Times {
    /// Divides `cpu_ns` as the ticks were, as `cputime_adjust` of the kernel does.
    pub fn follow(&mut self, cpu_ns: u64, user_ticks_ns: u64, system_ticks_ns: u64) {
        let last = *self;
        if last.user_ns + last.system_ns >= cpu_ns {
            return;
        }
        let system_ns = match (user_ticks_ns, system_ticks_ns) {
            (_, 0) => 0,
            (0, _) => cpu_ns,
            (user, system) => {
                let share = u128::from(system) * u128::from(cpu_ns) / u128::from(user + system);
                u64::try_from(share).unwrap_or(cpu_ns)
            }
        };
        // What was said before is the least of each, and the most that it leaves to the other.
        let system_ns = system_ns.max(last.system_ns).min(cpu_ns - last.user_ns);
        *self = Times { user_ns: cpu_ns - system_ns, system_ns };
    }
}

#[cfg(test)]
mod tests {
    use super::Times;
    use proptest::prelude::*;

    #[test]
    fn exact_time_is_divided_as_the_ticks_were() {
        let divided = |cpu_ns, user, system| {
            let mut times = Times::default();
            times.follow(cpu_ns, user, system);
            (times.user_ns, times.system_ns)
        };
        assert_eq!(divided(900, 20, 10), (600, 300));
        assert_eq!(divided(900, 0, 0), (900, 0));
        assert_eq!(divided(900, 0, 4), (0, 900));
        assert_eq!(divided(u64::MAX, u64::MAX / 4, u64::MAX / 4).1, u64::MAX / 2);
    }

    proptest! {
        #[test]
        fn neither_goes_back_and_both_are_the_whole(
            growth in proptest::collection::vec((0_u64..1000, 0_u64..1000, 0_u64..1000), 1..30),
        ) {
            let (mut times, mut ticks) = (Times::default(), (0, 0, 0));
            for (cpu_ns, user, system) in growth {
                ticks = (ticks.0 + cpu_ns, ticks.1 + user, ticks.2 + system);
                let before = times;
                times.follow(ticks.0, ticks.1, ticks.2);
                prop_assert!(times.user_ns >= before.user_ns);
                prop_assert!(times.system_ns >= before.system_ns);
                prop_assert_eq!(times.user_ns + times.system_ns, ticks.0);
            }
        }
    }
}
