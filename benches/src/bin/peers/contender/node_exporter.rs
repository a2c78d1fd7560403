//! The Prometheus node exporter. It keeps nothing; the database that would comes on top.

use super::{Contender, Held, Running, program};
use crate::scraper::Scraper;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

/// `prometheus-node-exporter`, scraped once a second over loopback.
pub struct NodeExporter;

impl Contender for NodeExporter {
    fn name(&self) -> &'static str {
        "`prometheus-node-exporter`, scraped at 1 s (stores nothing)"
    }

    fn start(&self, _scratch: &Path) -> io::Result<Running> {
        let exporter = program("usr/bin/prometheus-node-exporter")?;
        // A port that was free a moment ago, and that nobody else on this machine waits for.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let listen = format!("--web.listen-address={address}");
        let mut running = Running::spawn(Command::new(exporter).arg(listen))?;
        running.scraper = Some(Scraper::start(address)?);
        Ok(running)
    }

    fn held(&self, running: &Running, _scratch: &Path) -> io::Result<Held> {
        let values = running.scraper.as_ref().map(Scraper::values);
        Ok(Held { stored_bytes: None, values })
    }
}
