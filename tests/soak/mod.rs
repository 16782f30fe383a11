//! Long cases, for `make soak`.

mod dense;
mod memory;
