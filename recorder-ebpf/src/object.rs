//! What an object that was loaded has: its maps and its programs, by name.

use crate::error::FeatureError;
use crate::feature::Table;
use aya::Ebpf;
use aya::maps::{Map, MapData};
use aya::programs::{Program, ProgramError, ProgramFd};

/// The map of that name, taken out of the object.
pub(crate) fn take_map(object: &mut Ebpf, name: &str) -> Result<MapData, FeatureError> {
    match object.take_map(name) {
        Some(
            Map::Array(map)
            | Map::HashMap(map)
            | Map::LruHashMap(map)
            | Map::PerCpuArray(map)
            | Map::PerCpuHashMap(map)
            | Map::PerCpuLruHashMap(map)
            | Map::RingBuf(map),
        ) => Ok(map),
        _ => Err(FeatureError::Object(format!("there is no map '{name}' of a kind that is read"))),
    }
}

/// Whether the sizes that a manifest gives its columns are those that the map has.
pub(crate) fn check_sizes(
    table: &Table,
    map: &MapData,
    key_bytes: usize,
    value_bytes: usize,
) -> Result<(), FeatureError> {
    let info = map.info()?;
    let has = (info.key_size() as usize, info.value_size() as usize);
    if has == (key_bytes, value_bytes) {
        return Ok(());
    }
    Err(FeatureError::Object(format!(
        "the map of {} has keys and values of {has:?} bytes, its columns are {:?}",
        table.name,
        (key_bytes, value_bytes)
    )))
}

/// The program of that name.
pub(crate) fn find<'a, P>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut P, FeatureError>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    let program = object.program_mut(name).and_then(|program| program.try_into().ok());
    program.ok_or_else(|| {
        FeatureError::Object(format!("there is no program '{name}' of that kind in the object"))
    })
}

/// Holds a program that is loaded.
pub(crate) fn program_fd(object: &Ebpf, name: &'static str) -> Result<ProgramFd, FeatureError> {
    let program = object
        .program(name)
        .ok_or_else(|| FeatureError::Object(format!("there is no program '{name}'")))?;
    let fd = program.fd().and_then(|fd| fd.try_clone().map_err(ProgramError::IOError));
    fd.map_err(|error| FeatureError::from_program(name, error))
}
