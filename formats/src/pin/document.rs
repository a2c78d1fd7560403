//! A pin as text.

use super::Pin;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use toml::{Table, Value};

/// More is no pin.
pub(super) const MOST_BYTES: u64 = 16 << 10;

/// The text of the file of a pin.
pub fn text(pin: &Pin) -> String {
    let table: Table = [
        ("name", Value::String(pin.name.clone())),
        ("text", Value::String(pin.text.clone())),
        ("user", Value::Integer(pin.user.into())),
        ("is_automatic", Value::Boolean(pin.is_automatic)),
        ("made_boottime_ns", Value::Integer(pin.made_ns.cast_signed())),
        ("from_boottime_ns", Value::Integer(pin.from_ns)),
        ("to_boottime_ns", Value::Integer(pin.to_ns)),
        ("boot_id", Value::String(pin.boot_id.clone())),
        ("offset_ns", Value::Integer(pin.offset_ns)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    table.to_string()
}

/// Reads the file of a pin; `None` where it is none.
///
/// # Errors
/// What the disk says: then nobody knows.
pub fn read(path: &Path) -> io::Result<Option<Pin>> {
    // Whatever somebody put there: neither a link nor a pipe that nobody writes.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = match options.open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8(text).ok().and_then(|text| parse(&text)))
}

fn parse(text: &str) -> Option<Pin> {
    let table: Table = text.parse().ok()?;
    let string = |key: &str| table.get(key)?.as_str().map(str::to_owned);
    let number = |key: &str| table.get(key)?.as_integer();
    let pin = Pin {
        name: string("name")?,
        text: string("text")?,
        user: u32::try_from(number("user")?).ok()?,
        is_automatic: table.get("is_automatic").and_then(Value::as_bool).unwrap_or(false),
        made_ns: u64::try_from(number("made_boottime_ns")?).ok()?,
        from_ns: number("from_boottime_ns")?,
        to_ns: number("to_boottime_ns")?,
        boot_id: string("boot_id")?,
        offset_ns: number("offset_ns")?,
    };
    pin.check().ok().map(|()| pin)
}
