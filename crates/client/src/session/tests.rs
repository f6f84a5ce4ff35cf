//! What holds whatever comes: see `cases` for what happens when.

mod random;
