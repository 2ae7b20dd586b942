//! A library with kernels of its own, of another edition.
#![forbid(unsafe_code)]
#![deny(warnings)]

pub mod kernels {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}
