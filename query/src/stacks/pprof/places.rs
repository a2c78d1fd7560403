//! What samples of pprof name by numbers: text, and the places, functions and files of calls.

use super::wire::Message;
use crate::stacks::profile::Call;
use std::collections::HashMap;

/// Text by number; that of number 0 is empty.
pub struct Strings {
    numbers: HashMap<String, u64>,
    all: Vec<String>,
}

impl Default for Strings {
    fn default() -> Strings {
        Strings { numbers: HashMap::from([(String::new(), 0)]), all: vec![String::new()] }
    }
}

impl Strings {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as u64;
        self.numbers.insert(text.to_owned(), number);
        self.all.push(text.to_owned());
        number
    }

    /// Writes all of them.
    pub fn put(&self, field: u64, profile: &mut Message) {
        self.all.iter().for_each(|text| profile.bytes(field, text.as_bytes()));
    }
}

/// Fields of the message `Profile`.
const MAPPING: u64 = 3;
const LOCATION: u64 = 4;
const FUNCTION: u64 = 5;

/// Calls that samples name, numbered from 1 on in the order in which they were named.
#[derive(Default)]
pub struct Places<'a> {
    numbers: HashMap<u32, u64>,
    calls: Vec<&'a Call>,
}

impl<'a> Places<'a> {
    /// The number of the call of a frame.
    pub fn number(&mut self, frame: u32, call: &'a Call) -> u64 {
        *self.numbers.entry(frame).or_insert_with(|| {
            self.calls.push(call);
            self.calls.len() as u64
        })
    }

    /// Writes the places, their functions, and the files that they are in.
    pub fn put(&self, strings: &mut Strings, profile: &mut Message) {
        let mut functions: HashMap<(&str, &str), u64> = HashMap::new();
        // Of each file its number, and the last address that is known.
        let mut files: HashMap<(&str, &str), (u64, u64)> = HashMap::new();
        for (number, call) in (1u64..).zip(&self.calls) {
            let next = functions.len() as u64 + 1;
            let function =
                *functions.entry((call.name.as_str(), call.module.as_str())).or_insert_with(|| {
                    profile.message(FUNCTION, &self::function(next, call, strings));
                    next
                });
            let mut line = Message::default();
            line.number(1, function);
            let mut location = Message::default();
            location.number(1, number);
            if !call.module.is_empty() {
                let next = (files.len() as u64 + 1, 0);
                let (file, end) =
                    files.entry((call.module.as_str(), call.build_id.as_str())).or_insert(next);
                *end = call.offset.max(*end);
                location.number(2, *file);
            }
            location.number(3, call.offset);
            location.message(4, &line);
            profile.message(LOCATION, &location);
        }
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_unstable_by_key(|(_, (number, _))| *number);
        for ((module, build_id), (number, end)) in files {
            let mut file = Message::default();
            file.number(1, number);
            // It begins at 0.
            file.number(3, end.saturating_add(1));
            file.number(5, strings.number(module));
            file.number(6, strings.number(build_id));
            // Nobody has to look functions up.
            file.number(7, 1);
            profile.message(MAPPING, &file);
        }
    }
}

fn function(number: u64, call: &Call, strings: &mut Strings) -> Message {
    let mut message = Message::default();
    message.number(1, number);
    message.number(2, strings.number(&call.name));
    message.number(3, strings.number(&call.name));
    message.number(4, strings.number(&call.module));
    message
}
