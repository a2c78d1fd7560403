//! What of a machine's console is shown when something failed.

/// The last lines.
const LAST_LINES: usize = 25;
/// Those of a fault: two CPUs that stand still are 130.
const FAULT_LINES: usize = 200;
/// With what a fault begins; the last is of `tests/vm/guest/init`.
const FAULTS: [&str; 5] =
    ["BUG: ", "Oops", "general protection fault", "Kernel panic", "init: it takes long"];

/// The end of a console, and a fault before it from its first line, where the function is named.
pub fn excerpt(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    let fault = lines.iter().position(|line| FAULTS.iter().any(|begin| line.contains(begin)));
    let fault = fault.map_or(last, |fault| fault.min(last));
    let cut = last.min(fault + FAULT_LINES);
    let between = if cut < last { &["[...]"][..] } else { &[] };
    [&lines[fault..cut], between, &lines[last..]].concat().join("\n")
}

#[test]
fn a_fault_is_shown_from_its_first_line_and_with_the_end() {
    let lines = |from: usize, to: usize| -> String {
        (from..to).map(|line| format!("line {line}\n")).collect()
    };
    let fault = "watchdog: BUG: soft lockup";
    let of =
        |before, behind| excerpt(&format!("{}{fault}\n{}", lines(0, before), lines(0, behind)));
    let first_and_last = |shown: &str| {
        let lines: Vec<&str> = shown.lines().collect();
        (lines[0].to_owned(), lines[lines.len() - 1].to_owned(), lines.len())
    };
    let fault = || fault.to_owned();
    assert_eq!(first_and_last(&of(100, 160)), (fault(), "line 159".to_owned(), 161));
    assert_eq!(first_and_last(&of(100, 900)), (fault(), "line 899".to_owned(), 226));
    assert_eq!(first_and_last(&of(100, 3)), ("line 79".to_owned(), "line 2".to_owned(), 25));
    assert_eq!(first_and_last(&excerpt(&lines(0, 90))).0, "line 65", "without a fault the end");
    assert_eq!(excerpt("one\n"), "one");
}
