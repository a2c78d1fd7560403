//! Programs that take a password with an option of one letter.

/// What such an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The password, in the same word: `-pSECRET`. Alone it asks for it.
    Attached,
    /// The password, in the same word or the next.
    Either,
    /// `user:SECRET`, in the same word or the next.
    AfterColon,
}

/// A program and its options.
#[derive(Debug)]
pub struct Program {
    /// What its name begins with.
    names: &'static [&'static [u8]],
    /// Its options.
    options: &'static [(u8, Way)],
}

const PROGRAMS: [Program; 10] = [
    Program { names: &[b"mysql", b"mariadb"], options: &[(b'p', Way::Attached)] },
    Program { names: &[b"7z"], options: &[(b'p', Way::Attached)] },
    Program { names: &[b"sshpass", b"mongo"], options: &[(b'p', Way::Either)] },
    Program { names: &[b"rabbitmqadmin"], options: &[(b'p', Way::Either)] },
    Program { names: &[b"redis-cli"], options: &[(b'a', Way::Either)] },
    Program { names: &[b"ldap"], options: &[(b'w', Way::Either)] },
    Program { names: &[b"sqlcmd", b"bcp"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"ipmitool"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"zip", b"unzip"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"curl"], options: &[(b'u', Way::AfterColon), (b'U', Way::AfterColon)] },
];

/// The program that `word` names, with or without a path.
pub fn named(word: &[u8]) -> Option<&'static Program> {
    let name = word.rsplit(|byte| *byte == b'/').next()?;
    let is_it = |program: &&Program| program.names.iter().any(|start| name.starts_with(start));
    PROGRAMS.iter().find(is_it)
}

impl Program {
    /// What the option in `word`, which has one dash, takes.
    pub fn way(&self, word: &[u8]) -> Option<Way> {
        let [b'-', letter, ..] = word else { return None };
        self.options.iter().find(|(option, _)| option == letter).map(|(_, way)| *way)
    }
}
