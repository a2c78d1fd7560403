use crate::feature::{
    Attach, COMMON, Column, Feature, Hook, Origin, SupportedFilters, Table, object,
};

pub static FEATURE: Feature = Feature {
    name: "tcp_rtt",
    reads: "tcp_probe",
    object: object!("tcp_rtt"),
    hooks: &[Hook::needed(&[Attach::Typed("arrived", "tcp_probe")])],
    per_cpu: &[("times", 512)],
    filters: SupportedFilters::SOCKET,
    tables: &[Table {
        name: "tcp_rtt",
        doc: "Round trip times of TCP: the smoothed one of its connection for every segment that \
              arrives, so that connections count by what they carry. Costs some 50 ns a segment.",
        origin: Origin::DenseHistogram("times", 1),
        keys: &[],
        values: &[Column::histogram("srtt_us", "us", "smoothed round trip time")],
    }],
    ..COMMON
};
