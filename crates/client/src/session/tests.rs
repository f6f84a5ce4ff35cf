//! What holds whatever comes and however chance falls: see `cases` for what happens when.

mod chances;
mod random;
