//! Bad input: an error that names what is wrong and what to do, and nothing lost.
