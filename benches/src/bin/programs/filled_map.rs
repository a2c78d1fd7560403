//! A map that is filled here, read as those of features are.

use aya::maps::{HashMap, MapData, PerCpuHashMap, PerCpuValues, loaded_maps};
use nodemon_recorder_ebpf::drain::Entries;
use std::error::Error;
use std::io;
use std::os::fd::AsFd;

type Key = [u8; 16];

/// A hash map.
pub struct FilledMap {
    map: Map,
    entries: Entries,
}

enum Map {
    Shared(HashMap<MapData, Key, u64>),
    PerCpu(PerCpuHashMap<MapData, Key, u64>),
}

impl FilledMap {
    /// A map with so many elements, each with a value on every CPU or with one for all.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn new(elements: u32, is_per_cpu: bool) -> Result<FilledMap, Box<dyn Error>> {
        let mut map = match is_per_cpu {
            true => Map::PerCpu(PerCpuHashMap::create(elements, 0)?),
            false => Map::Shared(HashMap::create(elements, 0)?),
        };
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        for element in 0..elements {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&element.to_le_bytes());
            match &mut map {
                Map::Shared(map) => map.insert(key, 1, 0)?,
                Map::PerCpu(map) => {
                    map.insert(key, PerCpuValues::try_from(vec![1; cpus])?, 0)?;
                }
            }
        }
        // The loader keeps its descriptor to itself, and the kernel gives another one.
        let mut newest = None;
        for info in loaded_maps() {
            let info = info?;
            if info.max_entries() == elements && info.key_size() == 16 {
                newest = Some(info);
            }
        }
        let info = newest.ok_or("the map is not there")?;
        let fd = info.fd()?.as_fd().try_clone_to_owned()?;
        Ok(FilledMap { map, entries: Entries::new(MapData::from_fd(fd)?)? })
    }

    /// Reads all elements, many at once; says how many.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn read(&mut self) -> io::Result<u64> {
        let mut count = 0;
        self.entries.each(|_, _| count += 1)?;
        Ok(count)
    }

    /// Reads all elements one by one, for comparison; says how many.
    pub fn read_one_by_one(&self) -> u64 {
        let count = match &self.map {
            Map::Shared(map) => map.iter().filter(Result::is_ok).count(),
            Map::PerCpu(map) => map.iter().filter(Result::is_ok).count(),
        };
        count as u64
    }
}
