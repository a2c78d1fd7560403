use super::support::*;

#[test]
fn look() {
    let recorded = record();
    for args in [
        &["info", "--all"][..],
        &["tables"],
        &["tables", "cpu"],
        &["range", "-t", "cpu", "--from", "start+8s", "--to", "+4s"],
        &["range", "-t", "disk"],
        &["range", "-t", "oom"],
        &["range", "-t", "oom", "--step", "10s"],
        &["range", "-t", "cpu", "--step", "5s", "--agg", "min,avg,max,p99,sum,count"],
        &["range", "-t", "cpu", "--step", "5s", "-f", "csv"],
        &["range", "-t", "disk", "--step", "5s", "-f", "jsonl"],
        &["verify"],
        &["range", "--from", "end-1s"],
    ] {
        let said = ask(&recorded.dir, args);
        println!("$ nodemon-query {}\n{}{}[{:?}]\n", args.join(" "), said.out, said.err, said.code);
    }
}
