//! Faults are ordinary: whatever ends, whenever, the next start goes on and nothing shows of it.

mod kill;
