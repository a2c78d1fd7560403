//! The page that people see.

use super::recorded::{known, portrait};
use nodemon_formats::text::is_unprintable;

#[test]
fn all_parts_are_on_the_page() {
    let said = portrait(&known(), &["worker"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in [
        "  parent          init, pid 1",
        "  user            1000",
        "  lived           60.9 s",
        "  time            30.900 s; by ticks 23.175 s in user code, 7.725 s in the",
        "  share           51.2 % of one CPU",
        "  switches        610 voluntary, 122 involuntary",
        "  threads         8 at most",
        "  functions       of 10.000 s in 4 samples",
        "     70.0 %  hash  worker",
        "     40.0 %  main;parse;hash",
        "  off its CPU     10.000 s in 4 samples",
        "     60.0 %    6.000 s  sleeping  futex: lock_table > futex_wait",
        "  threads, found  2 running, 0 ready, 3 blocked, in 120 looks",
        "        3  read: io_schedule",
        "  resident        10.0 MiB at first, 70.0 MiB at most, 70.0 MiB at last",
        "  page faults     6 100; 183 that waited for I/O",
        "  slow requests   2, the longest 250 ms",
        "  descriptors     8 at first, 93 at most, 10 at last of 1 024",
        "  connections     6, 1 of them ended, 4 retransmits",
        "       8.6 MiB out       77 B in  10.0.0.2:5 accepted close ECONNRESET",
        "  got             2 signals",
        "  gaps            1 gap",
    ] {
        assert!(said.out.lines().any(|found| found == line), "no {line:?} in\n{}", said.out);
    }
    assert!(
        said.out.contains("ended           2") && said.out.contains(", by SIGKILL"),
        "{}",
        said.out
    );
    assert!(said.out.contains("steadily, 3."), "{}", said.out);
    assert!(said.out.contains("and 3 more"), "{}", said.out);
}

#[test]
fn every_page_fits_eighty_columns_and_nothing_in_it_acts_on_a_terminal() {
    let recorded = known();
    for who in ["1", "100", "200", "300", "400@start+60s", "500", "600", "700"] {
        let said = portrait(&recorded, &[who]);
        assert_eq!(said.code, Some(0), "{who}: {}", said.err);
        let longest = said.out.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{who}: {longest:?}\n{}", said.out);
        let acts = said.out.chars().find(|c| *c != '\n' && is_unprintable(*c));
        assert_eq!(acts, None, "{who}: {:?}", said.out);
        assert!(!said.out.contains("\n-- gap"), "{who}: a line is forged:\n{}", said.out);
    }
    let json = portrait(&recorded, &["500", "-f", "json"]).out;
    assert!(!json.trim_end().contains(is_unprintable), "{json:?}");
}

#[test]
fn a_file_is_json_by_its_name_and_a_page_is_whole_in_it() {
    let recorded = known();
    let written = |name: &str| {
        let file = recorded.home.path().join(name);
        let said = portrait(&recorded, &["500", "-o", file.to_str().unwrap()]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{}", said.err);
        std::fs::read_to_string(file).unwrap()
    };
    assert!(written("x.json").starts_with('{'));
    let page = written("x.txt");
    assert!(page.lines().any(|line| line.chars().count() > 200), "{page}");
}
