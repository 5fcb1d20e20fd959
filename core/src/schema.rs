//! The schemas of types that are written as a text of a form of their own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::name::{CheckPath, Name};
use crate::time::Due;

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A name: small letters, digits and hyphens." })
    }
}

impl JsonSchema for CheckPath {
    fn schema_name() -> Cow<'static, str> {
        "CheckPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^/]+/[^/]+$", "description": "A check within its checklist, such as `dns/apex`." })
    }
}

impl JsonSchema for Due {
    fn schema_name() -> Cow<'static, str> {
        "Due".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "When, counted from the go-live: `T-7d`, `H+0:15`, `T-0`." })
    }
}
