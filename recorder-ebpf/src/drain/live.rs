//! What events were about and is still there: a map of which a program takes what is gone.

use crate::error::FeatureError;
use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData};

/// By address, the time of the event that told of it.
pub struct Live(HashMap<MapData, u64, u64>);

impl Live {
    /// The map of that name, taken out of an object.
    pub(crate) fn from_object(object: &mut Ebpf, name: &str) -> Result<Live, FeatureError> {
        let map: Option<Map> = object.take_map(name);
        let map = map.ok_or_else(|| FeatureError::Object(format!("there is no map '{name}'")))?;
        Ok(Live(HashMap::try_from(map)?))
    }

    /// Takes out what is at an address since an event, and says whether it was there still: what lies
    /// there since another stays.
    pub fn take(&mut self, address: u64, since_ns: u64) -> bool {
        let is_there = self.0.get(&address, 0).is_ok_and(|since| since == since_ns);
        // Whoever took it in between has freed it just now.
        is_there && self.0.remove(&address).is_ok()
    }
}
