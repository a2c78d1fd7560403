//! Messages as protocol buffers have them on the wire.

/// A message under construction. A field that is 0 or empty is left out, as is usual there.
#[derive(Default)]
pub struct Message {
    bytes: Vec<u8>,
}

/// How a field is written: a number, or a length and so many bytes.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

impl Message {
    /// A number.
    pub fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            varint((field << 3) | VARINT, &mut self.bytes);
            varint(value, &mut self.bytes);
        }
    }

    /// Text, or bytes.
    pub fn bytes(&mut self, field: u64, value: &[u8]) {
        varint((field << 3) | BYTES, &mut self.bytes);
        varint(value.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(value);
    }

    /// A message within this one.
    pub fn message(&mut self, field: u64, value: &Message) {
        self.bytes(field, &value.bytes);
    }

    /// Numbers, one behind the other.
    pub fn numbers(&mut self, field: u64, values: impl IntoIterator<Item = u64>) {
        let mut packed = Vec::new();
        values.into_iter().for_each(|value| varint(value, &mut packed));
        self.bytes(field, &packed);
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Seven bits a byte, the lowest first; in all but the last the highest bit is set.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_are_written_as_the_documentation_of_protocol_buffers_has_them() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.into_bytes(), [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.bytes(2, b"testing");
        assert_eq!(message.into_bytes(), b"\x12\x07testing");
        let mut message = Message::default();
        message.numbers(6, [3, 270, 86942]);
        assert_eq!(message.into_bytes(), [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
        let mut message = Message::default();
        message.number(1, 0);
        message.number(2, u64::MAX);
        let mut expected = vec![0x10];
        expected.extend([0xff; 9]);
        expected.push(1);
        assert_eq!(message.into_bytes(), expected);
    }
}
