//! What a comparison says: the verdict, the table and the report of made-up findings.

mod report;
mod sample;
mod table;
mod verdict;
