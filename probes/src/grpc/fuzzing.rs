//! Answers to a health check over gRPC, for `fuzz/`.

use super::wire;
use crate::fuzzing::{Parser, said};

pub(crate) const PARSERS: &[Parser] = &[("grpc_answer", |bytes| said(wire::read_answer(bytes)))];
