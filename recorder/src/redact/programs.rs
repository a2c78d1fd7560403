//! Programs that take a password with an option of one letter.

/// What such an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The password, in the same word: `-pSECRET`. Alone it asks for it.
    Attached,
    /// The password, in the same word or the next.
    Either,
    /// `user:SECRET`, with this byte between them, in the same word or the next.
    After(u8),
}

/// A program and its options.
#[derive(Debug)]
pub struct Program {
    /// What its name begins with; a blank at the end stands for the end of the name.
    names: &'static [&'static [u8]],
    /// Its options.
    options: &'static [(u8, Way)],
}

const PROGRAMS: [Program; 17] = [
    Program { names: &[b"mysql", b"mariadb"], options: &[(b'p', Way::Attached)] },
    Program { names: &[b"7z"], options: &[(b'p', Way::Attached)] },
    Program { names: &[b"sshpass", b"mongo"], options: &[(b'p', Way::Either)] },
    Program { names: &[b"rabbitmqadmin"], options: &[(b'p', Way::Either)] },
    Program { names: &[b"redis-cli"], options: &[(b'a', Way::Either)] },
    Program { names: &[b"ldap"], options: &[(b'w', Way::Either)] },
    Program { names: &[b"sqlcmd", b"bcp"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"isql", b"osql", b"tsql"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"cqlsh"], options: &[(b'p', Way::Either)] },
    Program { names: &[b"mosquitto"], options: &[(b'P', Way::Either)] },
    Program {
        names: &[b"snmp"],
        options: &[(b'A', Way::Either), (b'X', Way::Either), (b'c', Way::Either)],
    },
    Program { names: &[b"ssh-keygen"], options: &[(b'N', Way::Either), (b'P', Way::Either)] },
    Program { names: &[b"smbclient", b"rpcclient"], options: &[(b'U', Way::After(b'%'))] },
    // Of docker, podman, skopeo, oc and az, where -p is something else with other commands.
    Program { names: &[b"login "], options: &[(b'p', Way::Either)] },
    Program { names: &[b"ipmitool"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"zip", b"unzip"], options: &[(b'P', Way::Either)] },
    Program { names: &[b"curl"], options: &[(b'u', Way::After(b':')), (b'U', Way::After(b':'))] },
];

/// The program that `word` names, with or without a path.
pub fn named(word: &[u8]) -> Option<&'static Program> {
    let name = word.rsplit(|byte| *byte == b'/').next()?;
    let is_of = |start: &&[u8]| match start.strip_suffix(b" ") {
        Some(whole) => name == whole,
        None => name.starts_with(start),
    };
    PROGRAMS.iter().find(|program| program.names.iter().any(is_of))
}

impl Program {
    /// What the option in `word`, which has one dash, takes.
    pub fn way(&self, word: &[u8]) -> Option<Way> {
        let [b'-', letter, ..] = word else { return None };
        self.options.iter().find(|(option, _)| option == letter).map(|(_, way)| *way)
    }
}
