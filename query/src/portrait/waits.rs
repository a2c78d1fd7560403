//! What it waited for, when it was off its CPU.

use super::ask::Asker;
use super::profile::profile;
use super::sheet::{MOST, Sheet};
use super::subject::Subject;
use crate::error::QueryError;
use crate::listing::show_many;
use crate::stacks::{Call, Detail, Order, Origin, Profile, ROOT, Tree, percent, seconds};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Why it waited, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Why {
    state: String,
    syscall: String,
    /// The innermost function of the program that has a name, and that of the kernel.
    user: String,
    kernel: String,
}

/// What it waited for.
#[derive(Debug)]
pub struct Waits {
    samples: u64,
    weight_ns: u64,
    reasons: Vec<(Why, u64)>,
    all: u64,
}

/// Reads what it waited for; `None` where the recording does not tell.
///
/// # Errors
/// When the recording cannot be read, or a signal asks to stop.
pub fn waits(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<Waits>, QueryError> {
    let by = (&["state", "syscall"][..], Detail::Address);
    let found = profile(asker, subject, "stack_wait", by)?;
    Ok(found.map(|profile| Waits::new(&profile, by.0.len())))
}

impl Waits {
    fn new(profile: &Profile, levels: usize) -> Waits {
        let tree = Tree::new(profile, Order::Name);
        let mut sums: HashMap<Why, u64> = HashMap::new();
        let mut path: Vec<&Call> = Vec::new();
        for (node, depth) in tree.below(ROOT) {
            path.truncate(depth);
            path.extend(tree.call(node));
            let own = tree.own(node);
            if own.samples > 0 {
                let sum = sums.entry(why(path.split_at(levels.min(path.len())))).or_default();
                *sum = sum.saturating_add(own.weight);
            }
        }
        let all = sums.len() as u64;
        let mut reasons: Vec<(Why, u64)> = sums.into_iter().collect();
        reasons.sort_by(|(a, a_sum), (b, b_sum)| {
            Reverse(a_sum).cmp(&Reverse(b_sum)).then_with(|| a.cmp(b))
        });
        reasons.truncate(MOST);
        let sum = profile.sum();
        Waits { samples: sum.samples, weight_ns: sum.weight, reasons, all }
    }

    /// Its waits on the page.
    pub fn write(&self, sheet: &mut Sheet<'_>) {
        if self.samples == 0 {
            sheet.fact("off its CPU", "no sample of it in stack_wait");
            return;
        }
        let samples = show_many(self.samples, "sample");
        sheet.fact("off its CPU", &format!("{} s in {samples}", seconds(self.weight_ns)));
        for (why, weight) in &self.reasons {
            let share = percent(*weight, self.weight_ns);
            let figures = format!("{share:>5.1} % {:>8} s  {}", seconds(*weight), why.state);
            let [syscall, user, kernel] = [&why.syscall, &why.user, &why.kernel];
            let colon = if syscall.is_empty() { "" } else { ": " };
            let arrow = if user.is_empty() || kernel.is_empty() { "" } else { " > " };
            sheet.item(&figures, &format!("{syscall}{colon}{user}{arrow}{kernel}"));
        }
        sheet.more(self.all, self.reasons.len(), "reason");
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let known = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
        let reasons = self.reasons.iter().map(|(why, weight)| {
            json!({
                "state": why.state,
                "syscall": known(&why.syscall),
                "user_function": known(&why.user),
                "kernel_function": known(&why.kernel),
                "weight_ns": weight,
                "percent": percent(*weight, self.weight_ns),
            })
        });
        json!({
            "samples": self.samples,
            "weight_ns": self.weight_ns,
            "reasons": reasons.collect::<Vec<_>>(),
        })
    }
}

fn why((group, path): (&[&Call], &[&Call])) -> Why {
    let value = |at: usize| group.get(at).map_or("", |call| call.name.as_str());
    let inner = |origin| path.iter().rev().filter(move |call| call.origin == origin);
    let named = inner(Origin::User).find(|call| !call.function.is_empty());
    let user = named.or_else(|| inner(Origin::User).next());
    let name = |call: Option<&&Call>| call.map_or(String::new(), |call| call.name.clone());
    let syscall = value(1);
    Why {
        state: value(0).to_owned(),
        syscall: if syscall.starts_with("[no ") { String::new() } else { syscall.to_owned() },
        user: name(user),
        kernel: name(inner(Origin::Kernel).next()),
    }
}
