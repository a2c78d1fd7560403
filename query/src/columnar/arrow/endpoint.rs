//! Columns beside those of the answer: the address and the port of an endpoint, which is one text
//! in every other format.

use super::column;
use crate::rows::{Batch, Field, Header};
use arrow_array::ArrayRef;
use arrow_array::builder::{StringBuilder, UInt64Builder};
use nodemon_formats::schema::unit;
use nodemon_formats::{ColumnType, Semantics};
use std::sync::Arc;

/// The columns of an answer, and of each endpoint among them two more at the end: `local_address`
/// and `local_port` of `local`.
pub struct Columns {
    /// All of them, in the order in which they are written behind the time.
    pub header: Header,
    /// Which fields of the answer are endpoints.
    endpoints: Vec<usize>,
}

impl Columns {
    /// The columns of an answer with `header`.
    pub fn from_header(header: &Header) -> Columns {
        let is_endpoint =
            |field: &Field| field.kind == ColumnType::String && field.unit == unit::ENDPOINT;
        let fields = header.fields.iter().enumerate();
        let endpoints: Vec<usize> =
            fields.filter(|(_, field)| is_endpoint(field)).map(|(index, _)| index).collect();
        let mut header = header.clone();
        for &index in &endpoints {
            let endpoint = header.fields[index].clone();
            let part = |part: &str, kind| Field {
                name: format!("{}_{part}", endpoint.name),
                label: format!("{}_{part}", endpoint.label),
                kind,
                unit: unit::NONE.into(),
                semantics: Semantics::State,
                doc: format!("the {part} of {}", endpoint.name),
                ..endpoint.clone()
            };
            header.fields.push(part("address", ColumnType::String));
            header.fields.push(part("port", ColumnType::U64));
        }
        if !endpoints.is_empty() {
            header.make_names_unique();
        }
        Columns { header, endpoints }
    }

    /// The values of a column: 0 is the time, 1 the first field.
    pub fn array(&self, batch: &Batch, index: usize) -> ArrayRef {
        let Some(index) = index.checked_sub(1) else { return column::times(batch) };
        match batch.columns.get(index) {
            Some(values) => column::values(batch, values, &self.header.fields[index]),
            None => self.part(batch, index - batch.columns.len()),
        }
    }

    /// Address and port of each endpoint follow each other. What is no endpoint has neither.
    fn part(&self, batch: &Batch, index: usize) -> ArrayRef {
        let values = &batch.columns[self.endpoints[index / 2]];
        let parts = column::texts(batch, values).map(|text| text.and_then(split));
        if index.is_multiple_of(2) {
            let mut addresses = StringBuilder::with_capacity(batch.len(), batch.len() * 16);
            parts.for_each(|parts| addresses.append_option(parts.map(|(address, _)| address)));
            Arc::new(addresses.finish())
        } else {
            let mut ports = UInt64Builder::with_capacity(batch.len());
            parts.for_each(|parts| ports.append_option(parts.map(|(_, port)| port.into())));
            Arc::new(ports.finish())
        }
    }
}

/// `192.0.2.1:80` and `[2001:db8::1]:80`.
fn split(endpoint: &[u8]) -> Option<(&str, u16)> {
    let (address, port) = std::str::from_utf8(endpoint).ok()?.rsplit_once(':')?;
    let version_6 = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some((version_6.unwrap_or(address), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{Columns, split};
    use crate::columnar::arbitrary;
    use nodemon_formats::ColumnType;
    use nodemon_formats::schema::unit;

    #[test]
    fn an_endpoint_is_an_address_and_a_port_and_anything_else_is_neither() {
        for (text, parts) in [
            ("192.0.2.1:80", Some(("192.0.2.1", 80))),
            ("[2001:db8::1]:65535", Some(("2001:db8::1", 65535))),
            ("[::1]:0", Some(("::1", 0))),
            ("192.0.2.1:65536", None),
            ("192.0.2.1", None),
            ("", None),
        ] {
            assert_eq!(split(text.as_bytes()), parts, "{text}");
        }
        assert_eq!(split(b"\xff:80"), None, "what is no text is no address");
    }

    #[test]
    fn the_columns_of_an_endpoint_stand_behind_all_others_and_take_no_name_that_is_taken() {
        let mut header = arbitrary::header(&[ColumnType::String, ColumnType::String]);
        header.fields[0].name = "local".into();
        header.fields[0].unit = unit::ENDPOINT.into();
        header.fields[1].name = "local_port".into();
        header.fields[1].unit = unit::NONE.into();
        let columns = Columns::from_header(&header);
        let names: Vec<&str> = columns.header.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["local", "local_port", "local_address", "local_port_"]);
        assert_eq!(columns.header.fields[3].kind, ColumnType::U64);
    }
}
