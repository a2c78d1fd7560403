//! What was typed for a process.

use crate::time::TimeSpec;

/// A name of a program has so many bytes in the kernel.
const COMM_BYTES: usize = 15;

/// Which process is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By its number.
    Pid(u64),
    /// By the name of its program.
    Name(String),
}

impl Who {
    /// What was typed, and the time behind it, if that is one.
    pub fn parse(text: &str) -> (Who, Option<TimeSpec>) {
        let timed = text.rsplit_once('@').filter(|(who, _)| !who.is_empty());
        let timed = timed.and_then(|(who, time)| Some((who, time.parse::<TimeSpec>().ok()?)));
        match timed {
            Some((who, time)) => (Who::of(who), Some(time)),
            None => (Who::of(text), None),
        }
    }

    fn of(text: &str) -> Who {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let pid = text.parse().ok().filter(|_| is_number);
        pid.map_or_else(|| Who::Name(text.to_owned()), Who::Pid)
    }

    /// Whether it is meant by this: a process of this number, whose program calls itself `command`
    /// and was started as `cmdline`.
    pub fn is(&self, pid: u64, command: &str, cmdline: &str) -> bool {
        match self {
            Who::Pid(wanted) => *wanted == pid,
            Who::Name(name) => {
                let program = cmdline.split(' ').next().unwrap_or_default();
                let program = program.rsplit('/').next().unwrap_or_default();
                command == name || command == short(name) || program == name
            }
        }
    }

    /// As people are told.
    pub fn told(&self) -> String {
        match self {
            Who::Pid(pid) => format!("number {pid}"),
            Who::Name(name) => format!("name {name:?}"),
        }
    }
}

/// A name as the kernel would keep it.
pub fn short(name: &str) -> &str {
    let mut end = name.len().min(COMM_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Who, short};

    #[test]
    fn a_number_is_a_pid_and_what_follows_an_at_is_a_time_if_it_can_be_one() {
        let parse = |text: &str| {
            let (who, at) = Who::parse(text);
            (who, at.is_some())
        };
        let name = |name: &str| Who::Name(name.to_owned());
        assert_eq!(parse("12"), (Who::Pid(12), false));
        assert_eq!(parse("12@03:12:07"), (Who::Pid(12), true));
        assert_eq!(parse("nginx@-5m"), (name("nginx"), true));
        assert_eq!(parse("user@host"), (name("user@host"), false));
        assert_eq!(parse("@-5m"), (name("@-5m"), false));
        assert_eq!(parse("99999999999999999999999"), (name("99999999999999999999999"), false));
        assert_eq!(parse(""), (name(""), false));
    }

    #[test]
    fn a_name_is_that_of_the_kernel_or_of_the_command_line() {
        let who = Who::Name("nodemon-recorder".to_owned());
        assert!(who.is(1, "nodemon-recorde", ""));
        assert!(who.is(1, "main", "/usr/bin/nodemon-recorder run"));
        assert!(!who.is(1, "nodemon-record", "/usr/bin/other nodemon-recorder"));
        assert!(Who::Pid(1).is(1, "x", "") && !Who::Pid(1).is(2, "x", ""));
        assert_eq!(short("größenordnung-1"), "größenordnung", "15 bytes");
    }
}
