//! The session against a made-up clock: each test says what is heard, and checks what is done.

mod delivery;
mod fallback;
mod pacing;
mod random;
