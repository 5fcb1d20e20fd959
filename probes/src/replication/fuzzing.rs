//! What databases tell of themselves, for `fuzz/`.

use crate::fuzzing::Parser;

pub(crate) const PARSERS: &[Parser] = &[
    ("postgres_lsn", crate::postgres_replication::fuzzing::lsn),
    ("redis_info", crate::redis_replication::fuzzing::info),
    ("sql_value", crate::sql::fuzzing::value),
];
