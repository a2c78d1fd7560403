//! Interfaces, protocols and sockets.

pub mod infiniband;
pub mod netdev;
pub mod netstat;
pub mod sockstat;
