//! What a message says to somebody who gave a name that is not there.

use nodemon_formats::units::nearest;

/// The end of the message: `` ; did you mean `ring_size`? ``, or nothing.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
