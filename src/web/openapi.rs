//! The document of the API, `OpenAPI` 3.1, made of the table of operations and of the types that they take and give.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answers::{GateAnswer, Problem};
use super::auth::Deed;
use super::routes::{Gives, OPERATIONS, Operation};
use launchgate_core::report::Report;

/// What can go wrong anywhere: the status and what it means.
const REFUSALS: [(&str, &str); 13] = [
    ("400", "The query cannot be read."),
    ("401", "No token and no certificate that counts."),
    (
        "403",
        "The token or the certificate does not allow it, or the launch file does not name its holder.",
    ),
    ("404", "There is no such thing."),
    ("405", "It is not asked in this way."),
    ("409", "It cannot be done as things stand."),
    ("413", "The body is too large."),
    ("415", "The body is no JSON."),
    ("422", "The body does not say what it must."),
    ("421", "The daemon does not go by this name."),
    ("429", "This client asks too often; `Retry-After` says for how long to wait."),
    ("503", "It cannot be kept, or the daemon is shutting down."),
    ("504", "No answer in time; an order may have been taken all the same."),
];
/// What a reader never sees.
const OF_ORDERS: [&str; 4] = ["409", "413", "415", "422"];

/// Written once: it changes with the program alone.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| write().to_string());

pub(super) async fn document() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=60")],
        DOCUMENT.as_str(),
    )
}

fn generator(contract: Contract, inline: bool) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.contract = contract;
        settings.inline_subschemas = inline;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// The document.
pub(super) fn write() -> Value {
    let mut gives = generator(Contract::Serialize, false);
    // What is taken is small, and stands where it is taken: two types of one name never meet.
    let mut takes = generator(Contract::Deserialize, true);
    let mut paths = Map::new();
    for operation in OPERATIONS.iter() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation, &mut gives, &mut takes);
    }
    let problem = gives.subschema_for::<Problem>();
    let refusals: Map<String, Value> = REFUSALS
        .iter()
        .map(|(status, says)| {
            let content = json!({ "application/json": { "schema": problem } });
            (format!("R{status}"), json!({ "description": says, "content": content }))
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "launchgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "May we launch, and must we roll back?",
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/api/v1" }],
        "paths": paths,
        "components": {
            "schemas": gives.take_definitions(true),
            "responses": refusals,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of the settings, or of the identity provider." },
                "certificate": { "type": "mutualTLS", "description": "A client certificate of the settings, where no token is sent." },
                "password": { "type": "http", "scheme": "basic", "description": "A token as the password: for reading alone." },
            },
        },
    })
}

fn describe(
    operation: &Operation,
    gives: &mut SchemaGenerator,
    takes: &mut SchemaGenerator,
) -> Value {
    let mut parameters: Vec<Value> = operation
        .parameters()
        .into_iter()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(operation.query.map_or_else(Vec::new, |shape| query(&shape(takes))));
    if matches!(operation.gives, Gives::Report) {
        parameters.push(json!({ "name": "If-None-Match", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The `ETag` of a report that is known already: 304 if it is still the one." }));
    }
    if matches!(operation.gives, Gives::Events) {
        parameters.push(json!({ "name": "Last-Event-ID", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The id of the last event that was heard: nothing is sent until there is a newer report." }));
    }
    let mut responses = answers(operation, gives);
    let order = operation.deed.is_some() && operation.method == "post";
    for (status, _) in REFUSALS {
        if !responses.contains_key(status) && (order || !OF_ORDERS.contains(&status)) {
            responses.insert(
                status.to_owned(),
                json!({ "$ref": format!("#/components/responses/R{status}") }),
            );
        }
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.says,
        "parameters": parameters,
        "responses": responses,
        "security": match operation.deed {
            None => json!([{}, { "token": [] }, { "password": [] }, { "certificate": [] }]),
            Some(_) => json!([{ "token": [] }, { "certificate": [] }]),
        },
    });
    if let Some(deed) = operation.deed {
        described["description"] = json!(match deed {
            Deed::Sign => "Takes the role `owner` or above.",
            Deed::Command => "Takes the role `operator`, `commander` or `admin`.",
        });
    }
    if let Some(shape) = operation.body {
        let content = json!({ "application/json": { "schema": shape(takes) } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

/// The properties of a query's shape, each a parameter.
fn query(shape: &Schema) -> Vec<Value> {
    let required: Vec<&str> = shape
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = shape.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            let said = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "description": said.unwrap_or_else(|| json!("")), "schema": schema })
        })
        .collect()
}

fn content<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!({ "application/json": { "schema": generator.subschema_for::<T>() } })
}

fn answers(operation: &Operation, gives: &mut SchemaGenerator) -> Map<String, Value> {
    let text = || json!({ "schema": { "type": "string" } });
    let answers = match operation.gives {
        Gives::Json(shape) => {
            json!({ "200": { "description": "So it is.", "content": { "application/json": { "schema": shape(gives) } } } })
        }
        Gives::Report => {
            let mut forms = content::<Report>(gives);
            for kind in ["text/plain", "text/markdown", "text/html", "application/xml"] {
                forms[kind] = text();
            }
            let tag = json!({ "ETag": { "schema": { "type": "string" }, "description": "Changes with the report." } });
            json!({ "200": { "description": "The report.", "headers": tag, "content": forms }, "304": { "description": "It is the one that is known." } })
        }
        Gives::Gate => json!({
            "200": { "description": "GO, or `always` was asked for.", "content": content::<GateAnswer>(gives) },
            // Who may not read is refused with the same status.
            "403": { "description": "Not GO, or not for this token.", "content": { "application/json": { "schema": {
                "anyOf": [gives.subschema_for::<GateAnswer>(), gives.subschema_for::<Problem>()] } } } },
        }),
        Gives::Lines => {
            json!({ "200": { "description": "One entry a line.", "content": { "application/x-ndjson": text() } } })
        }
        Gives::Events => {
            json!({ "200": { "description": "`report` with a launch in short as its data, and `alive`.", "content": { "text/event-stream": text() } } })
        }
    };
    match answers {
        Value::Object(answers) => answers,
        _ => Map::new(),
    }
}
