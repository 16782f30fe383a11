//! Long cases, for `make soak`.

mod memory;
