//! The map of what was counted on interfaces, out of which those that are gone are taken.

use crate::error::FeatureError;
use aya::Ebpf;
use aya::maps::{Map, MapData, PerCpuHashMap};
use std::collections::BTreeSet;
use std::os::fd::AsFd;

/// The name of that map: one value on each CPU for a key that begins with the number of the
/// interface.
const MAP: &str = "traffic";

type Key = [u8; 8];
type Counts = [u64; 2];

/// That map, beside what reads it.
pub struct Counters(PerCpuHashMap<MapData, Key, Counts>);

impl Counters {
    /// That of an object that is loaded.
    ///
    /// # Errors
    /// When there is none of that name, or it is of another kind.
    pub fn from_object(object: &Ebpf) -> Result<Counters, FeatureError> {
        let Some(Map::PerCpuHashMap(map)) = object.map(MAP) else {
            return Err(FeatureError::Object(format!("there is no map '{MAP}' of interfaces")));
        };
        let told = |source| FeatureError::Read { path: MAP.into(), source };
        let same = map.fd().as_fd().try_clone_to_owned().map_err(told)?;
        Ok(Counters(PerCpuHashMap::try_from(Map::PerCpuHashMap(MapData::from_fd(same)?))?))
    }

    /// Takes the elements of all but these interfaces out. What cannot be taken out stays.
    pub fn keep(&mut self, interfaces: &BTreeSet<u32>) {
        let is_gone = |key: &Key| {
            key.first_chunk().is_some_and(|index| !interfaces.contains(&u32::from_ne_bytes(*index)))
        };
        let gone: Vec<Key> = self.0.keys().filter_map(Result::ok).filter(is_gone).collect();
        for key in gone {
            let _ = self.0.remove(&key);
        }
    }
}
