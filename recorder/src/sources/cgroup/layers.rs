//! Devices that pass what they are asked for on to others: LVM, LUKS, RAID, multipath. The kernel
//! counts the bytes of a control group at each of them and at the disks below.

use crate::kernel_files::sysfs::{names, text};
use crate::kernel_files::text::{lines, split_once};
use std::path::{Path, PathBuf};

/// Those devices, by the numbers with which lines of a file begin: `253:0`.
pub struct Layers {
    block: PathBuf,
    upper: Vec<String>,
    /// The text without their lines.
    rest: Vec<u8>,
}

impl Layers {
    /// Those of a sysfs, which are still to be looked for.
    pub fn new(sys: &Path) -> Layers {
        Layers { block: sys.join("block"), upper: Vec::new(), rest: Vec::new() }
    }

    /// Looks for them.
    pub fn poll(&mut self) {
        let is_upper = |device: &String| !names(&self.block.join(device).join("slaves")).is_empty();
        let devices = names(&self.block).into_iter().filter(is_upper);
        self.upper =
            devices.filter_map(|device| text(&self.block.join(device).join("dev"))).collect();
    }

    /// The lines of `text` but for those of these devices.
    pub fn without<'a>(&'a mut self, text: &'a [u8]) -> &'a [u8] {
        if self.upper.is_empty() {
            return text;
        }
        self.rest.clear();
        for line in lines(text) {
            let device = split_once(line, b' ').map_or(line, |(device, _)| device);
            if self.upper.iter().all(|upper| upper.as_bytes() != device) {
                self.rest.extend_from_slice(line);
                self.rest.push(b'\n');
            }
        }
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::Layers;
    use crate::source::test_support::context;

    #[test]
    fn bytes_that_pass_through_layers_count_once() {
        let (_dir, context) = context(&[
            ("block/sda/dev", "8:0\n"),
            ("block/sdb/dev", "8:16\n"),
            ("block/dm-0/dev", "253:0\n"),
            ("block/dm-0/slaves/sda2/x", ""),
            ("block/dm-1/dev", "253:1\n"),
            ("block/dm-1/slaves/dm-0/x", ""),
        ]);
        let mut layers = Layers::new(&context.sys);
        let text = b"8:0 rbytes=7 wbytes=1\n253:0 rbytes=7 wbytes=1\n253:1 rbytes=7 wbytes=1\n\
                     8:16 rbytes=2 wbytes=0\n253:10 rbytes=1";
        assert_eq!(layers.without(text), text, "nothing is known yet");
        layers.poll();
        let rest = b"8:0 rbytes=7 wbytes=1\n8:16 rbytes=2 wbytes=0\n253:10 rbytes=1\n";
        assert_eq!(layers.without(text), rest);
        assert_eq!(
            layers.without(b"253:1 Read 17\n8:0 Read 17\nTotal 34\n"),
            b"8:0 Read 17\nTotal 34\n"
        );
    }
}
