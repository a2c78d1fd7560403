//! Which names say that their value is a secret.

/// Names of secrets. Case does not count, and neither do `-`, `_` and `.` between the words of a
/// name: `access-key` is also `ACCESS_KEY` and `accessKey`. A longer name that has one of these as
/// a word, or at the end of one (`PGPASSWORD`), is one too; those of four letters or less must be
/// its last word.
pub const BUILT_IN: [&str; 23] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "secrets",
    "token",
    "api-key",
    "access-key",
    "secret-key",
    "private-key",
    "signing-key",
    "encryption-key",
    "master-key",
    "account-key",
    "credential",
    "credentials",
    "auth",
    "authorization",
    "bearer",
    "cookie",
];

/// A name that ends with one of these words tells something about a secret, not the secret.
const ABOUT: [&[u8]; 22] = [
    b"file",
    b"path",
    b"dir",
    b"directory",
    b"type",
    b"method",
    b"mode",
    b"ttl",
    b"timeout",
    b"url",
    b"uri",
    b"endpoint",
    b"length",
    b"size",
    b"count",
    b"policy",
    b"provider",
    b"name",
    b"env",
    b"stdin",
    b"prompt",
    b"expiry",
];
/// Words that end like a secret and are none.
const INNOCENT: [&[u8]; 5] = [b"bypass", b"compass", b"encompass", b"trespass", b"surpass"];
/// Names up to this long are words that other words end with.
const SHORT_BYTES: usize = 4;
/// So much of the end of a name is looked at.
const MOST_BYTES: usize = 64;

/// The names of secrets, in lower case and without what stands between words.
#[derive(Debug)]
pub struct Names {
    names: Vec<Vec<u8>>,
}

impl Names {
    /// Those that are built in, and `more`.
    pub fn new(more: &[String]) -> Names {
        let all = BUILT_IN.into_iter().chain(more.iter().map(String::as_str));
        let plain = |name: &str| {
            let letters = name.bytes().filter(|byte| !is_between_words(*byte));
            letters.map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>()
        };
        Names { names: all.map(plain).filter(|name| !name.is_empty()).collect() }
    }

    /// Whether the value of what is called `name` is a secret.
    pub fn has(&self, name: &[u8]) -> bool {
        // The working directory.
        if matches!(name, b"PWD" | b"OLDPWD") {
            return false;
        }
        let name = Name::new(name);
        let last = name.last_word();
        if ABOUT.contains(&last) || INNOCENT.contains(&last) {
            return false;
        }
        self.names.iter().any(|secret| name.is(secret))
    }
}

/// What may stand in a name.
pub fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || is_between_words(byte)
}

fn is_between_words(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

/// A name in lower case, as its words one behind the other.
struct Name {
    letters: [u8; MOST_BYTES],
    length: usize,
    /// A bit for each place where a word begins.
    starts: u64,
}

impl Name {
    fn new(name: &[u8]) -> Name {
        let mut new = Name { letters: [0; MOST_BYTES], length: 0, starts: 0 };
        let mut before = b'-';
        let tail = name.len().saturating_sub(MOST_BYTES);
        for &byte in name.iter().skip(tail) {
            if !is_between_words(byte) {
                let is_hump = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
                if is_between_words(before) || is_hump {
                    new.starts |= 1 << new.length;
                }
                if let Some(letter) = new.letters.get_mut(new.length) {
                    *letter = byte.to_ascii_lowercase();
                    new.length += 1;
                }
            }
            before = byte;
        }
        // Numbers behind a name: password1.
        while new.length > 0 && new.letters[new.length - 1].is_ascii_digit() {
            new.length -= 1;
        }
        new
    }

    fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or_default()
    }

    fn is_boundary(&self, at: usize) -> bool {
        at >= self.length || self.starts >> at & 1 == 1
    }

    fn last_word(&self) -> &[u8] {
        let start = (0..self.length).rev().find(|&at| self.is_boundary(at)).unwrap_or(0);
        self.letters().get(start..).unwrap_or_default()
    }

    fn is(&self, secret: &[u8]) -> bool {
        let ends_like_pass = secret == b"pass" && self.letters().ends_with(secret);
        if secret.len() <= SHORT_BYTES {
            return self.last_word() == secret || ends_like_pass;
        }
        let mut places = self.letters().windows(secret.len()).enumerate();
        places.any(|(at, letters)| letters == secret && self.is_boundary(at + secret.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_told_by_their_words_however_they_are_written() {
        let names = Names::new(&["ticket".to_owned(), "x-my-id".to_owned()]);
        for secret in [
            "password",
            "--password",
            "-password",
            "PGPASSWORD",
            "DB_PASSWORD",
            "MYSQL_PWD",
            "keyStorePassword",
            "spring.datasource.password",
            "AWS_SECRET_ACCESS_KEY",
            "api_key",
            "apiKey",
            "API-KEY",
            "apikey",
            "GITHUB_TOKEN",
            "authToken",
            "X-Auth-Token",
            "dbpass",
            "storepass",
            "SSHPASS",
            "password1",
            "client_secret",
            "Authorization",
            "private-key",
            "credentials",
            "http.auth",
            "krb-ticket",
            "XMyId",
            "SECRET_KEY_BASE",
            "secret-id",
        ] {
            assert!(names.has(secret.as_bytes()), "{secret} is the name of a secret");
        }
        for other in [
            "PWD",
            "OLDPWD",
            "--password-file",
            "token_url",
            "--tokenizer",
            "--max-tokens",
            "--auth-type",
            "bypass",
            "--pass-through",
            "author",
            "monkey",
            "key",
            "--user",
            "compass",
            "passenger",
            "secretary",
            "",
            "-",
            "8",
            "keyboard",
            "authors",
            "TOKEN_TTL",
        ] {
            assert!(!names.has(other.as_bytes()), "{other} is not the name of a secret");
        }
    }
}
