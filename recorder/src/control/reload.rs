//! Reading the configuration again.

use super::{DRAIN_TIMEOUT, OPEN_TIMEOUT, Recorder, Started, warn_of_idle};
use crate::actor::SetSizes;
use crate::config::{Catalogue, Config, ConfigError, Places, PlannedSource, Settings, read_file};
use crate::retention::{Node, writer_options};
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::units::show_size;
use std::path::PathBuf;
use tokio::time::Instant;

/// Where the configuration comes from.
pub struct Origin {
    /// What the flags say; they count more than the file.
    pub flags: Settings,
    /// The file that a flag names.
    pub file: Option<PathBuf>,
    /// What there is to record.
    pub catalogue: Catalogue,
    /// Where things are unless somebody says otherwise.
    pub places: Places,
}

impl Origin {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(&self) -> Result<Config, ConfigError> {
        let default = || self.places.config().filter(|path| path.exists());
        let file = match self.file.clone().or_else(default) {
            Some(path) => read_file(&path, &self.catalogue)?,
            None => Settings::default(),
        };
        Config::resolve(&[self.flags.clone(), file], &self.catalogue, &self.places)
    }
}

impl Recorder {
    /// Reads the configuration again and does what changed. One that has an error is refused as a
    /// whole.
    pub(super) async fn reload(&mut self, origin: &Origin) {
        let mut new = match origin.read() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!("{error}; the recorder goes on as before");
                return;
            }
        };
        self.note_what_stays(&new);
        new.tiers.clone_from(&self.config.tiers);
        let sizes = |config: &Config| (config.ring_size_bytes, config.pin_size_bytes);
        let resized = sizes(&new) != sizes(&self.config) && self.set_ring_size(&new).await;
        // What a trigger has opened may be one that runs from now on.
        self.on_demand.set(new.on_demand.clone(), &self.threads).await;
        self.options.context.triggers.set_rules(new.triggers.clone());
        // What was not there may have come, so it is tried again.
        let goes_on = |plan: &PlannedSource| {
            !self.off.contains(&plan.descriptor.name)
                && self.config.sources.contains(plan)
                && new.sources.contains(plan)
        };
        let ended = self.config.sources.iter().filter(|old| !goes_on(old));
        let ended: Vec<_> = ended.cloned().collect();
        let begun: Vec<_> = new.sources.iter().filter(|plan| !goes_on(plan)).cloned().collect();
        for old in &ended {
            let name = old.descriptor.name;
            if !self.threads.end(name, Instant::now() + DRAIN_TIMEOUT).await {
                tracing::warn!("timed out waiting for source {name} to end; left to itself");
            }
        }
        let was_off = self.off.clone();
        let (mut on, mut without) = (Vec::new(), Vec::new());
        let until = Instant::now() + OPEN_TIMEOUT;
        // All at once, as at the start.
        let asked: Vec<_> = begun.iter().map(|plan| self.ask(plan, boottime_ns())).collect();
        for (plan, asked) in begun.iter().zip(asked) {
            let name = plan.descriptor.name;
            let started = match asked {
                Ok(answer) => Ok(self.started(plan, answer, until).await),
                Err(error) => Err(error),
            };
            match started {
                Ok(Started::Runs) => on.push(name),
                // As it was before, which has been said.
                Ok(Started::Off(_)) if was_off.contains(&name) => {}
                Ok(Started::Off(why)) => {
                    tracing::warn!("source {name} is off: {why}");
                    without.push(name);
                }
                Ok(Started::Failed | Started::Opening) => without.push(name),
                Err(error) => {
                    tracing::error!("source {name}: {error}");
                    without.push(name);
                }
            }
        }
        crate::mapped_files::give_back();
        let name = |plan: &PlannedSource| plan.descriptor.name;
        let stays = |old: &PlannedSource| new.sources.iter().any(|plan| name(plan) == name(old));
        let off = ended.iter().filter(|old| !stays(old)).map(name);
        let (off, on) = (list(off), list(on.into_iter()));
        let told = format!("configuration reloaded; stopped: {off}; restarted: {on}");
        if without.is_empty() {
            tracing::info!("{told}");
        } else {
            let without = list(without.into_iter());
            tracing::warn!("{told}; enabled but unavailable: {without}");
        }
        if resized {
            self.config.ring_size_bytes = new.ring_size_bytes;
            self.config.pin_size_bytes = new.pin_size_bytes;
        }
        self.config.sources = new.sources;
        self.config.triggers = new.triggers;
        warn_of_idle(&self.options.context.triggers, &self.config.triggers);
    }

    async fn set_ring_size(&self, new: &Config) -> bool {
        let sizes = writer_options(new, &Node::this());
        match self.writer.send(SetSizes(sizes)).await {
            Ok(Ok(())) => {
                let (ring, pins) = (show_size(new.ring_size_bytes), show_size(new.pin_size_bytes));
                tracing::info!("the ring takes at most {ring} now, pins {pins} of it");
                true
            }
            Ok(Err(error)) => {
                tracing::error!("{error}; the ring stays as it is");
                false
            }
            Err(error) => {
                tracing::error!("the writer does not answer: {error}");
                false
            }
        }
    }

    /// Says what needs a restart.
    fn note_what_stays(&self, new: &Config) {
        let old = &self.config;
        let tiers = |config: &Config| {
            let tiers = config.tiers.as_ref();
            tiers.map(|tiers| tiers.iter().map(|tier| (tier.step_ns, tier.size_bytes)).collect())
        };
        let (old_tiers, new_tiers): (Option<Vec<_>>, Option<Vec<_>>) = (tiers(old), tiers(new));
        for (key, differs) in [
            ("directory", old.directory != new.directory),
            ("trust_directory", old.trust_directory != new.trust_directory),
            ("queue_size", old.queue_size_bytes != new.queue_size_bytes),
            ("cpu", old.cpu != new.cpu),
            ("tiers", old_tiers != new_tiers),
        ] {
            if differs {
                tracing::warn!(
                    "`{key}` has changed, which takes effect when the recorder restarts"
                );
            }
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
