//! Tells whoever controls the recorder that it cannot go on.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Raised by any thread that finds the recorder beyond repair.
#[derive(Clone)]
pub struct Alert(UnboundedSender<String>);

impl Alert {
    /// An alert, and where it is heard.
    pub fn new() -> (Alert, UnboundedReceiver<String>) {
        let (sender, receiver) = unbounded_channel();
        (Alert(sender), receiver)
    }

    /// Says what happened.
    pub fn raise(&self, what: &str) {
        // Nobody listens any more when the recorder is ending, which is what this asks for.
        let _ = self.0.send(what.to_owned());
    }
}
