//! Secrets are gone, and nothing else is.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Arguments, HIDDEN, Redactor, Shown};
use crate::allocations;
use proptest::prelude::*;

fn redacted(text: &str) -> String {
    let mut redactor = Redactor::new(&Arguments::default());
    String::from_utf8(redactor.redacted(text.as_bytes()).to_vec()).unwrap()
}

/// Command lines with a secret, `§`. Arguments are parted by `|`; what is hidden is in `<>`.
const WITH_SECRET: &[&str] = &[
    "psql|--password|<§>",
    "psql|--password=<§>",
    "psql|--password|<-4§>",
    "psql|--password|<-aB3xK9§>|-h|host",
    "psql|--password|<--7§>",
    "psql|--password|<-12345678>",
    "psql|--password|<-=§>",
    "sh|-c|tool --token <-9f§> -v",
    "docker|login|-u|me|-p|<-x9+§>|host",
    "prog|-password|<§>|file",
    "env|PGPASSWORD=<§>|psql",
    "env|DB_PASSWORD=<§ two words>|x",
    "mysql|-uroot|-p<§>|db",
    "/usr/bin/mysqldump|-p<§>|--all",
    "mysql|-p<MyPass>|db",
    "mysql|-p<MyPass#§>|db",
    "sshpass|-p<my-token>|ssh|host",
    "sshpass|-p|<§>|ssh|-x|22|host",
    "sshpass|-p<§>|ssh|host",
    "redis-cli|-a|<§>|ping",
    "curl|-u|user:<§>|http://host/",
    "curl|-uuser:<§>|http://host/",
    "curl|http://user:<§>@host:80/path@x",
    "psql|postgres://user:<§>@host/db?sslmode=require",
    "curl|-H|Authorization: <Bearer §>",
    "curl|-H|Authorization: <Basic §>",
    "curl|-H|X-Auth-Token: <§>",
    "curl|-d|{\"user\": \"me\", \"password\": \"<§>\"}",
    "curl|-d|{\"apiKey\":\"<§>\",\"x\":1}",
    "curl|-d|{\"token\":<§>,\"x\":1}",
    "curl|http://host/?token=<§>&x=1",
    "curl|http://host/?x=1&access_key=<§>#top",
    "vault|Bearer|<§>",
    "java|-Djavax.net.ssl.keyStorePassword=<§>|-jar|x.jar",
    "keytool|-storepass|<§>|-list",
    "openssl|enc|-passin|pass:<§>",
    "sh|-c|mysql -u root -p<§> db",
    "sh|-c|PGPASSWORD='<§ two>' psql -h host",
    "sh|-c|exec env TOKEN=<§> ls -l",
    "sh|-c|tool --password <§> --verbose",
    "sh|-c|tool --password '<§ two>' --verbose",
    "sh|-c|curl -H 'Authorization: <Bearer §>' http://host",
    "sh|-c|curl -u me:<§> http://host",
    "aws|--secret-access-key|<§>",
    "AWS_SECRET_ACCESS_KEY=<§>",
    "prog|--api-key=<§>",
    "prog|--private-key|<§>",
    "mount|-o|username=me,password=<§>",
    "host=x user=y password=<§> dbname=z",
    "ldapsearch|-x|-w|<§>",
    "ipmitool|-H|bmc|-P|<§>|power",
    "docker|login|-u|me|-p|<§>|host",
    "mosquitto_pub|-P|<§>|-t|x",
    "cqlsh|-p<§>|host",
    "ssh-keygen|-q|-N|<§>|-f|x",
    "snmpwalk|-c|<§>|host",
    "smbclient|//h/s|-U|me%<§>",
    "sh|-c|rpcclient -Ume%<§> host",
];

/// A command line with `secret`, and what is to be seen of it.
fn with(form: &str, secret: &str) -> (String, String) {
    let form = form.replace('|', "\0");
    let (before, rest) = form.split_once('<').unwrap();
    let (hidden, after) = rest.split_once('>').unwrap();
    let text = format!("{before}{}{after}\0", hidden.replace('§', secret));
    (text, format!("{before}***{after}\0"))
}

#[test]
fn of_each_form_the_secret_is_hidden_and_nothing_else() {
    for form in WITH_SECRET {
        let (text, expected) = with(form, "hunter2!");
        assert_eq!(redacted(&text), expected, "{form}");
    }
}

#[test]
fn what_only_looks_a_little_like_it_stays() {
    for text in [
        "ssh|-p|22|host",
        "docker|run|-p|80:80|x",
        "loginctl|show-user|-p|Name",
        "mkdir|-p|/a/b",
        "serve|--tokenizer|/models/x|--max-tokens|4096",
        "apptainer|exec|PWD=/home/me|x",
        "prog|--password-file|/etc/x|--token-ttl=5",
        "mysql|-p|db",
        "psql|--password|--host|x",
        "psql|--password|-h|x",
        "psql|--password|-p5432",
        "psql|--password|-v=1",
        "psql|--password|--",
        "psql|--password|-no-align",
        "sh|-c|psql --password -h x",
        "http://host:80/path|http://user@host/",
        "sshd: root [priv]",
        "postgres: checkpointer ",
        "a:b|key=value|--auth-type|basic",
        "|||",
        "",
    ] {
        let text = text.replace('|', "\0");
        assert_eq!(redacted(&text), text);
    }
}

#[test]
fn names_of_ones_own_count_too_and_all_or_nothing_can_be_had() {
    let text = b"prog\0--ticket\0x\0--password=y\0";
    let arguments = |shown| Arguments { shown, secret_names: vec!["ticket".to_owned()] };
    let mut redactor = Redactor::new(&arguments(Shown::Redacted));
    assert_eq!(redactor.redacted(text), b"prog\0--ticket\0***\0--password=***\0");
    assert_eq!(Redactor::new(&arguments(Shown::Full)).redacted(text), text);
    let mut none = Redactor::new(&arguments(Shown::None));
    assert!(none.redacted(text).is_empty() && !none.shows_any());
    assert!("some".parse::<Shown>().unwrap_err().contains("full, redacted or none"));
}

#[test]
fn once_its_buffer_has_grown_it_allocates_nothing() {
    let mut redactor = Redactor::new(&Arguments::default());
    let texts: Vec<String> = WITH_SECRET.iter().map(|form| with(form, "hunter2").0).collect();
    let longest = texts.iter().max_by_key(|text| text.len()).unwrap();
    redactor.redacted(longest.repeat(2).as_bytes());
    let before = allocations::count();
    for text in &texts {
        redactor.redacted(text.as_bytes());
    }
    assert_eq!(allocations::count() - before, 0, "allocations");
}

/// Words of command lines without a secret.
fn plain_word() -> impl Strategy<Value = String> {
    let options = "--(color|max-tokens|output|user-name)(=[a-z0-9/]{0,6})?";
    let others = prop_oneof![
        "[a-zB-Z0-9]{0,8}",
        "/[a-z/]{1,12}",
        "-[bd-fi-os-t]",
        "[a-z]{1,4}=[0-9,]{0,5}",
        "https?://[a-z.]{1,9}(:[0-9]{1,3})?/[a-z@:]{0,6}"
    ];
    prop_oneof![1 => options, 5 => others.prop_filter("no name of a secret", |word| is_plain(word))]
}

fn is_plain(word: &str) -> bool {
    let low = word.to_lowercase();
    !["pass", "pwd", "auth", "token", "key", "bearer", "secret", "cookie", "cred"]
        .iter()
        .any(|name| low.contains(name))
        && word != "login"
        && !["mysql", "maria", "7z", "mongo", "ldap", "bcp", "zip", "curl", "snmp", "cqlsh"]
            .iter()
            .chain(&["isql", "osql", "tsql"])
            .any(|name| low.starts_with(name))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_command_line_without_secrets_is_not_changed(
        words in prop::collection::vec(plain_word(), 0..12), blank in "[ \0]",
    ) {
        let text = words.join(&blank);
        prop_assert_eq!(redacted(&text), text);
    }

    #[test]
    fn a_secret_among_other_arguments_is_hidden_and_they_stay(
        before in prop::collection::vec(plain_word(), 0..6),
        after in prop::collection::vec(plain_word(), 0..6),
        form in 0..WITH_SECRET.len(),
        secret in "[A-Za-z0-9!%+~]{1,40}",
    ) {
        let (text, expected) = with(WITH_SECRET[form], &secret);
        let [before, after] = [before, after].map(|words| {
            words.iter().map(|word| format!("{word}\0")).collect::<String>()
        });
        let shown = redacted(&format!("{before}{text}{after}"));
        prop_assert_eq!(shown, format!("{before}{expected}{after}"));
    }

    #[test]
    fn whatever_the_bytes_every_argument_stays_one(text: Vec<u8>, wild in "[-=:/@'\" \0passtoken.mysql]{0,60}") {
        for text in [&text[..], wild.as_bytes()] {
            let mut redactor = Redactor::new(&Arguments::default());
            let shown = redactor.redacted(text);
            let zeros = |text: &[u8]| text.iter().filter(|byte| **byte == 0).count();
            prop_assert_eq!(zeros(shown), zeros(text));
            let most = text.len() + HIDDEN.len() * text.len();
            prop_assert!(shown.len() <= most);
        }
    }
}
