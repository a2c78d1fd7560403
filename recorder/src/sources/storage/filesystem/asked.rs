//! The mounts that are asked, and which of them do not answer.

use super::mounts::{Line, Way};
use super::statfs::{CREW, Figures, Statfs};
use crate::source::Sink;
use crate::waiting::{Call, HANGS, Waiters, patience};
use std::borrow::Cow;
use std::time::Duration;

/// Mounts that are named where many are told of.
const NAMED: usize = 5;

/// A mount.
pub struct Asked {
    id: u64,
    device: (u64, u64),
    /// Where it is mounted, ended by NUL.
    path: Vec<u8>,
    /// What is mounted.
    pub source: Vec<u8>,
    /// The type of the file system.
    pub kind: Vec<u8>,
    ticket: u64,
    /// The question, while it is not under way.
    question: Option<Statfs>,
    answer: Answer,
    /// Where nothing on it may wait, it is asked where a sample is taken.
    way: Way,
    /// It answers later than a sample waits.
    is_slow: bool,
    /// It did not answer at the sample before.
    hung: bool,
}

/// What came of asking a mount at one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It said this, or that it cannot be asked.
    Given(Option<Figures>),
    /// Nothing yet.
    Hangs,
    /// It was not asked, because so many others hang.
    NotAsked,
}

impl Asked {
    /// Where it is mounted.
    pub fn point(&self) -> &[u8] {
        self.path.strip_suffix(b"\0").unwrap_or(&self.path)
    }

    /// What it said at this sample.
    pub fn figures(&self) -> Option<Figures> {
        match self.answer {
            Answer::Given(figures) => figures,
            Answer::Hangs | Answer::NotAsked => None,
        }
    }

    fn is(&self, line: &Line<'_>, path: &[u8], source: &[u8], kind: &[u8]) -> bool {
        (self.id, self.device) == (line.id, line.device)
            && self.path == path
            && self.source == source
            && self.kind == kind
    }

    /// Takes the answer, and the question back.
    fn take(&mut self, mut question: Statfs, patience: Duration) {
        self.answer = match std::mem::take(&mut question.is_made) {
            true => Answer::Given(question.figures),
            false => Answer::NotAsked,
        };
        self.is_slow = question.took >= patience;
        self.question = Some(question);
    }

    fn name(&self) -> String {
        let (point, kind) = (String::from_utf8_lossy(self.point()), &self.kind);
        format!("{point} ({})", String::from_utf8_lossy(kind))
    }
}

/// Every mount that is asked, in the order in which they are listed.
pub struct AskedMounts {
    mounts: Vec<Asked>,
    at: usize,
    waiters: Waiters<Statfs>,
    questions: Vec<Statfs>,
    tickets: u64,
    patience: Duration,
    /// Buffers of what is unescaped.
    path: Vec<u8>,
    source: Vec<u8>,
    kind: Vec<u8>,
}

impl AskedMounts {
    /// None yet, to be asked every `interval`.
    pub fn new(interval: Duration) -> AskedMounts {
        AskedMounts {
            mounts: Vec::new(),
            at: 0,
            waiters: Waiters::new(&CREW),
            questions: Vec::new(),
            tickets: 0,
            patience: patience(interval),
            path: Vec::new(),
            source: Vec::new(),
            kind: Vec::new(),
        }
    }

    /// Begins a list of the mounts that there are now.
    pub fn begin(&mut self) {
        self.at = 0;
    }

    /// The next one in the list.
    pub fn note(&mut self, line: &Line<'_>, way: Way) {
        let AskedMounts { mounts, path, source, kind, at, .. } = self;
        unescape(line.point, path);
        path.push(0);
        unescape(line.source, source);
        unescape(line.kind, kind);
        let rest = mounts.get(*at..).unwrap_or_default();
        match rest.iter().position(|mount| mount.is(line, path, source, kind)) {
            // Those before it are gone, or were passed by another; either way they follow, and
            // are cut off at the end unless they come up again.
            Some(further) => mounts.swap(*at, *at + further),
            None => {
                self.tickets += 1;
                let question = Statfs {
                    ticket: self.tickets,
                    path: path.clone(),
                    figures: None,
                    is_made: false,
                    took: Duration::ZERO,
                };
                let mount = Asked {
                    id: line.id,
                    device: line.device,
                    path: path.clone(),
                    source: source.clone(),
                    kind: kind.clone(),
                    ticket: self.tickets,
                    question: Some(question),
                    answer: Answer::NotAsked,
                    way,
                    is_slow: false,
                    hung: false,
                };
                mounts.insert(*at, mount);
            }
        }
        if let Some(mount) = mounts.get_mut(*at) {
            // It may have been moved below another since.
            mount.way = way;
        }
        self.at += 1;
    }

    /// Ends the list, and asks them: here where the kernel has the answer, which takes some µs, and
    /// otherwise where only that waits, which takes two switches of threads for all of them.
    pub fn ask(&mut self) {
        let AskedMounts { mounts, at, waiters, questions, patience, .. } = self;
        mounts.truncate(*at);
        for mount in &mut *mounts {
            mount.answer = Answer::Hangs;
            if mount.way == Way::InMemory
                && let Some(mut question) = mount.question.take()
            {
                question.make();
                mount.take(question, *patience);
            } else if !mount.is_slow {
                questions.extend(mount.question.take());
            }
        }
        waiters.exchange(questions, *patience);
        for question in questions.drain(..) {
            // That of a mount that is gone has nobody to go back to.
            if let Some(mount) = mounts.iter_mut().find(|mount| mount.ticket == question.ticket) {
                mount.take(question, *patience);
            }
        }
        // Nobody waits for the slow ones: they are shown as they answered since the sample before.
        questions.extend(
            mounts
                .iter_mut()
                .filter(|mount| mount.is_slow)
                .filter_map(|mount| mount.question.take()),
        );
        waiters.ask(questions);
    }

    /// Those of the last list, asked.
    pub fn mounts(&self) -> &[Asked] {
        &self.mounts
    }

    /// Makes a gap of every mount that did not answer in time, in the span between two samples,
    /// and logs when one hangs and when it answers again.
    pub fn report_hangs(&mut self, sink: &mut Sink, span: (u64, u64)) {
        for mount in &mut self.mounts {
            let hangs = mount.answer == Answer::Hangs;
            if hangs {
                sink.lose(0, HANGS, span, 1, format!("{} does not respond", mount.name()));
            }
            match (std::mem::replace(&mut mount.hung, hangs), hangs) {
                (false, true) => tracing::warn!(
                    "timed out waiting for file system {}; its figures are blank until it responds",
                    mount.name()
                ),
                (true, false) => tracing::info!("file system {} responds again", mount.name()),
                _ => {}
            }
        }
        let not_asked = self.with_answer(Answer::NotAsked);
        let count = not_asked.clone().count();
        if count > 0 {
            let why = format!("because {} others do not respond", self.waiters.most());
            let detail = format!("{} not queried, {why}", named(not_asked));
            sink.lose(0, HANGS, span, count as u64, detail);
        }
    }

    /// What stands in the way of knowing how full all of them are.
    pub fn limits(&self) -> Vec<String> {
        let told = |names: Option<String>, what: &str| names.map(|names| format!("{names} {what}"));
        let some = |answer| Some(named(self.with_answer(answer))).filter(|names| !names.is_empty());
        let hang = told(some(Answer::Hangs), "do not respond, so their figures are blank");
        let not_asked =
            told(some(Answer::NotAsked), "are not queried, because too many others do not respond");
        hang.into_iter().chain(not_asked).collect()
    }

    fn with_answer(&self, answer: Answer) -> impl Iterator<Item = &Asked> + Clone {
        self.mounts.iter().filter(move |mount| mount.answer == answer)
    }
}

fn named<'a>(mounts: impl Iterator<Item = &'a Asked> + Clone) -> String {
    let names: Vec<String> = mounts.clone().take(NAMED).map(Asked::name).collect();
    let more = mounts.count() - names.len();
    let more = if more > 0 { Cow::from(format!(" and {more} more")) } else { "".into() };
    format!("{}{more}", names.join(", "))
}

/// Puts what the kernel wrote as `escaped` into `plain`. It writes blank, tab, line feed, backslash
/// and hash as a backslash and three octal digits.
pub fn unescape(escaped: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = escaped;
    while let [first, after @ ..] = rest {
        rest = after;
        let octal = |digit: &u8| matches!(digit, b'0'..=b'7').then(|| digit - b'0');
        let code = match after {
            [a, b, c, ..] if *first == b'\\' => octal(a).zip(octal(b)).zip(octal(c)),
            _ => None,
        };
        match code {
            Some(((a, b), c)) => {
                plain.push(a.wrapping_mul(64).wrapping_add(b * 8).wrapping_add(c));
                rest = after.get(3..).unwrap_or_default();
            }
            None => plain.push(*first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_of_the_kernel_become_what_they_stand_for() {
        let mut path = Vec::new();
        for (escaped, plain) in [
            ("/a\\040b", "/a b"),
            ("/a\\011\\012\\134", "/a\t\n\\"),
            ("a\\043b", "a#b"),
            ("/a\\04", "/a\\04"),
            ("/a\\089", "/a\\089"),
            ("", ""),
        ] {
            unescape(escaped.as_bytes(), &mut path);
            assert_eq!(str::from_utf8(&path), Ok(plain), "{escaped}");
        }
    }
}
