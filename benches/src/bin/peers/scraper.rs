//! Fetches a page of metrics over loopback once a second, as Prometheus would.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A thread that scrapes until it is dropped.
pub struct Scraper {
    stop: Arc<AtomicBool>,
    last: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Scraper {
    /// Waits for `address` to answer and starts to scrape it.
    ///
    /// # Errors
    /// When it does not answer within five seconds.
    pub fn start(address: SocketAddr) -> io::Result<Scraper> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let first = loop {
            match scrape(address) {
                Ok(values) => break values,
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        let stop = Arc::new(AtomicBool::new(false));
        let last = Arc::new(AtomicU64::new(first));
        let thread = std::thread::spawn({
            let (stop, last) = (stop.clone(), last.clone());
            move || {
                let start = Instant::now();
                for second in 1.. {
                    let due = start + Duration::from_secs(second);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match scrape(address) {
                        Ok(values) => last.store(values, Ordering::Relaxed),
                        Err(why) => eprintln!("peers: a scrape of {address} failed: {why}"),
                    }
                }
            }
        });
        Ok(Scraper { stop, last, thread: Some(thread) })
    }

    /// How many values the last page held.
    pub fn values(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on stderr.
            let _ = thread.join();
        }
    }
}

/// Fetches the page and counts its values.
fn scrape(address: SocketAddr) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("the answer is not one of HTTP"))?;
    if !head.contains(" 200 ") {
        return Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned()));
    }
    Ok(body.lines().filter(|line| !line.starts_with('#')).count() as u64)
}
