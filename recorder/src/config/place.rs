//! Where things are unless somebody says otherwise: as root for the whole machine, as anybody else
//! at home.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the environment says about places; empty values count as unset, as the XDG base directory
/// specification has it.
pub struct Places {
    is_root: bool,
    state_home: Option<PathBuf>,
    config_home: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Places {
    /// Those of this process.
    pub fn of_this_process() -> Places {
        let path = |name: &str| {
            std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from)
        };
        Places {
            is_root: rustix::process::geteuid().is_root(),
            state_home: path("XDG_STATE_HOME"),
            config_home: path("XDG_CONFIG_HOME"),
            home: path("HOME"),
        }
    }

    /// The directory of the recording: `/var/lib/nodemon` for root, `$XDG_STATE_HOME/nodemon` or
    /// `~/.local/state/nodemon` for others. `None` when there is no home.
    pub fn recording(&self) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from("/var/lib/nodemon"));
        }
        let fallback = || self.home.as_ref().map(|home| home.join(".local/state"));
        self.state_home.clone().or_else(fallback).map(|state| state.join("nodemon"))
    }

    /// The configuration that is read when none is named and this one exists:
    /// `/etc/nodemon/nodemon.toml` for root, `$XDG_CONFIG_HOME/nodemon/nodemon.toml` or
    /// `~/.config/nodemon/nodemon.toml` for others.
    pub fn config(&self) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from("/etc/nodemon/nodemon.toml"));
        }
        let fallback = || self.home.as_ref().map(|home| home.join(".config"));
        self.config_home.clone().or_else(fallback).map(|config| config.join("nodemon/nodemon.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use std::path::{Path, PathBuf};

    #[test]
    fn root_records_for_the_machine_and_others_at_home() {
        let home = Some(PathBuf::from("/home/eve"));
        let nothing = || Places { is_root: false, state_home: None, config_home: None, home: None };
        let root = Places { is_root: true, home: home.clone(), ..nothing() };
        assert_eq!(root.recording().as_deref(), Some(Path::new("/var/lib/nodemon")));
        assert_eq!(root.config().as_deref(), Some(Path::new("/etc/nodemon/nodemon.toml")));

        let eve = Places { home, ..nothing() };
        assert_eq!(eve.recording().as_deref(), Some(Path::new("/home/eve/.local/state/nodemon")),);
        let eve = Places { state_home: Some("/scratch/eve".into()), ..eve };
        assert_eq!(eve.recording().as_deref(), Some(Path::new("/scratch/eve/nodemon")));
        assert_eq!(nothing().recording(), None, "nowhere to guess at");
    }
}
