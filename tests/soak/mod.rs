//! Long cases, for `make soak`.

mod dense;
mod journal;
mod memory;
mod reading;
