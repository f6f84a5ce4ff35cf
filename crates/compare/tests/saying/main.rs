//! What a comparison says: the verdict, the table and the report of made-up findings.

mod sample;
mod table;
mod verdict;
