//! Goes through a command line and leaves secrets out.

use super::HIDDEN;
use super::names::{Names, is_of_name};
use super::programs::{Program, Way, named};

/// Puts `arguments`, which end with a zero byte each, into `out` without their secrets.
pub fn redact(names: &Names, arguments: &[u8], out: &mut Vec<u8>) {
    let mut scan = Scan { names, out, program: None, next: Next::Any };
    for (at, argument) in arguments.split(|byte| *byte == 0).enumerate() {
        if at > 0 {
            scan.out.push(0);
        }
        scan.argument(argument);
    }
}

/// What the next argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Any,
    Secret,
    After(u8),
}

struct Scan<'a> {
    names: &'a Names,
    out: &'a mut Vec<u8>,
    /// The last program that was named.
    program: Option<&'static Program>,
    next: Next,
}

impl Scan<'_> {
    fn argument(&mut self, argument: &[u8]) {
        let next = std::mem::replace(&mut self.next, Next::Any);
        // The next option: the one before took nothing.
        if !argument.is_empty() && !is_option(argument) {
            match next {
                Next::Any => {}
                Next::Secret => return self.hide(argument),
                Next::After(byte) => return self.hide_after(byte, argument),
            }
        }
        let mut at = 0;
        while let Some(&byte) = argument.get(at) {
            let before = at.checked_sub(1).and_then(|at| argument.get(at)).copied();
            let is_start = before.is_none_or(|byte| !is_of_name(byte));
            at = if is_start && is_of_name(byte) {
                self.name(argument, at, before)
            } else if is_start && byte == b'/' && before.is_none_or(is_blank_or_quote) {
                // A path to a program.
                self.path(argument, at)
            } else if argument[at..].starts_with(b"://") {
                self.authority(argument, at + 3)
            } else {
                self.out.push(byte);
                at + 1
            };
        }
    }

    /// What begins with a name at `start`, behind the byte `before`. Returns where to go on.
    fn name(&mut self, argument: &[u8], start: usize, before: Option<u8>) -> usize {
        let rest = &argument[start..];
        let length = rest.iter().take_while(|byte| is_of_name(**byte)).count();
        let (name, after) = rest.split_at(length);
        let is_word = before.is_none_or(is_blank_or_quote);
        if is_word && let Some(program) = named(name) {
            self.program = Some(program);
        }
        // First, since a password may look like the name of one: `-pMyPass`.
        if is_word && let Some(way) = self.program.and_then(|program| program.way(name)) {
            return self.option(argument, start, way);
        }
        self.out.extend_from_slice(name);
        if !self.names.has(name) {
            return start + length;
        }
        let mut at = start + length;
        // The quotes around a name in JSON.
        let quoted = before.is_some_and(is_quote) && after.first().copied() == before;
        let separator = after.get(usize::from(quoted)).copied();
        if let Some(separator @ (b'=' | b':')) = separator {
            let value_at = at + usize::from(quoted) + 1;
            if separator == b':' && argument[value_at..].starts_with(b"//") {
                return at;
            }
            at = self.copy(argument, at, value_at);
            let blanks = argument[at..].iter().take_while(|byte| is_blank(**byte)).count();
            let has_blanks = separator == b':' || quoted;
            at = self.copy(argument, at, value_at + if has_blanks { blanks } else { 0 });
            return self.value(argument, at, &|byte| match (before, quoted) {
                (_, true) => matches!(byte, b',' | b'}' | b']') || is_blank(byte),
                (Some(b'?' | b'&'), _) => matches!(byte, b'&' | b'#') || is_blank_or_quote(byte),
                (Some(quote), _) if is_quote(quote) => byte == quote,
                (None, _) => false,
                (Some(_), _) => is_quote(byte) || separator == b'=' && is_blank(byte),
            });
        }
        let is_option = name.starts_with(b"-");
        let is_scheme = name.eq_ignore_ascii_case(b"bearer");
        if is_word && (is_option || is_scheme) {
            return self.next_word(argument, at, Next::Secret);
        }
        at
    }

    /// The option of one letter at `start`.
    fn option(&mut self, argument: &[u8], start: usize, way: Way) -> usize {
        let end = word_end(argument, start);
        let (option, value) = argument[start..end].split_at(2);
        self.out.extend_from_slice(option);
        match way {
            Way::Attached | Way::Either if !value.is_empty() => self.hide(value),
            Way::After(byte) if !value.is_empty() => self.hide_after(byte, value),
            Way::Attached => {}
            Way::Either => return self.next_word(argument, end, Next::Secret),
            Way::After(byte) => return self.next_word(argument, end, Next::After(byte)),
        }
        end
    }

    /// What follows an option that ends at `at`: the next word of the same argument, or the next
    /// argument.
    fn next_word(&mut self, argument: &[u8], mut at: usize, next: Next) -> usize {
        let blanks = argument[at..].iter().take_while(|byte| is_blank(**byte)).count();
        let start = at + blanks;
        match argument.get(start) {
            None => self.next = next,
            Some(_) if is_option(&argument[start..word_end(argument, start)]) => {}
            Some(_) if blanks == 0 => {}
            Some(_) => {
                at = self.copy(argument, at, start);
                let Next::After(byte) = next else {
                    return self.value(argument, at, &is_blank_or_quote);
                };
                let end = word_end(argument, at);
                self.hide_after(byte, &argument[at..end]);
                return end;
            }
        }
        at
    }

    /// The secret at `at`, up to a byte that `ends` it, or within its own quotes.
    fn value(&mut self, argument: &[u8], mut at: usize, ends: &dyn Fn(u8) -> bool) -> usize {
        let rest = &argument[at..];
        let length = match rest.first() {
            Some(&quote) if is_quote(quote) => {
                at = self.copy(argument, at, at + 1);
                rest[1..].iter().take_while(|byte| **byte != quote).count()
            }
            _ => rest.iter().take_while(|byte| !ends(**byte)).count(),
        };
        self.hide(&argument[at..at + length]);
        at + length
    }

    /// A path, whose last part may name a program.
    fn path(&mut self, argument: &[u8], start: usize) -> usize {
        let word = &argument[start..word_end(argument, start)];
        let is_path = |byte: &u8| is_of_name(*byte) || *byte == b'/';
        if word.iter().all(is_path) {
            self.program = named(word).or(self.program);
            self.out.extend_from_slice(word);
            return start + word.len();
        }
        self.out.push(b'/');
        start + 1
    }

    /// Who a URL asks, whose `://` ends at `start`: `user:SECRET@host`.
    fn authority(&mut self, argument: &[u8], start: usize) -> usize {
        self.out.extend_from_slice(b"://");
        let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#') || is_blank_or_quote(*byte);
        let rest = &argument[start..];
        let authority = &rest[..rest.iter().position(is_end).unwrap_or(rest.len())];
        let Some(host_at) = authority.iter().rposition(|byte| *byte == b'@') else { return start };
        self.hide_after(b':', &authority[..host_at]);
        start + host_at
    }

    fn hide_after(&mut self, separator: u8, pair: &[u8]) {
        let end = pair.iter().position(|byte| *byte == separator);
        let (user, secret) = pair.split_at(end.map_or(pair.len(), |at| at + 1));
        self.out.extend_from_slice(user);
        self.hide(secret);
    }

    /// Copies up to `to`, which is where to go on.
    fn copy(&mut self, argument: &[u8], at: usize, to: usize) -> usize {
        self.out.extend_from_slice(&argument[at..to]);
        to
    }

    fn hide(&mut self, secret: &[u8]) {
        if !secret.is_empty() {
            self.out.extend_from_slice(HIDDEN);
        }
    }
}

/// Whether a word is an option, and not a secret that begins with a dash: `--word`, `-word`, `-x`,
/// `-x80`, `-name=value`. What a generator makes has digits and letters mixed, or other signs.
fn is_option(word: &[u8]) -> bool {
    let Some(word) = word.strip_prefix(b"-") else { return false };
    if let Some(long) = word.strip_prefix(b"-") {
        return long.first().is_none_or(u8::is_ascii_alphabetic);
    }
    let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
    let Some((first, rest)) = name.split_first() else { return word.is_empty() };
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.');
    first.is_ascii_alphabetic()
        && (rest.iter().all(is_letter) || rest.iter().all(u8::is_ascii_digit))
}

fn word_end(argument: &[u8], start: usize) -> usize {
    let rest = &argument[start..];
    start + rest.iter().position(|byte| is_blank_or_quote(*byte)).unwrap_or(rest.len())
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

fn is_blank_or_quote(byte: u8) -> bool {
    is_blank(byte) || is_quote(byte)
}
