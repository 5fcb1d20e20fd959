//! Every operation of the API, once: the router and the document are both made of this table, and so is who may do what.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use launchgate_core::report::ChecklistReport;
use launchgate_core::run::Run;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::answers::{CheckAnswer, Decisions, Launches, Runs, Summary, Triggers, Whoami};
use super::auth::{Deed, Shown};
use super::gatekeeper::meant;
use super::{App, api, audit, events, gate, openapi, people, refresh, runs, whoami};

/// Makes a schema.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What an operation answers when all goes well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gives {
    /// JSON of this shape.
    Json(Shape),
    /// A report, in the form that is asked for, with its tag.
    Report,
    /// The gate: 200 or 403.
    Gate,
    /// JSON lines.
    Lines,
    /// Events as they come.
    Events,
}

/// An operation.
pub(super) struct Operation {
    /// `get` or `post`.
    pub(super) method: &'static str,
    /// Below `/api/v1`.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) says: &'static str,
    /// What a token or a certificate must allow; none is needed to read, unless the daemon guards that as a whole.
    pub(super) deed: Option<Deed>,
    pub(super) query: Option<Shape>,
    pub(super) body: Option<Shape>,
    pub(super) gives: Gives,
    handler: fn() -> MethodRouter<App>,
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn read(
    path: &'static str,
    id: &'static str,
    says: &'static str,
    gives: Gives,
    handler: fn() -> MethodRouter<App>,
) -> Operation {
    Operation { method: "get", path, id, says, deed: None, query: None, body: None, gives, handler }
}

fn order(
    path: &'static str,
    id: &'static str,
    says: &'static str,
    deed: Deed,
    handler: fn() -> MethodRouter<App>,
) -> Operation {
    let gives = Gives::Json(shape::<Summary>);
    let (deed, query, body) = (Some(deed), None, None);
    Operation { method: "post", path, id, says, deed, query, body, gives, handler }
}

impl Operation {
    fn asks<T: JsonSchema>(self) -> Self {
        Self { query: Some(shape::<T>), ..self }
    }

    fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(shape::<T>), ..self }
    }

    /// The names in the path, in order.
    pub(super) fn parameters(&self) -> Vec<&'static str> {
        let parts = self.path.split('/').filter_map(|part| part.strip_prefix('{'));
        parts.filter_map(|part| part.strip_suffix('}')).collect()
    }
}

/// The table.
pub(super) static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut all = reading();
    all.extend(reading_more());
    all.extend(stating());
    all.extend(ordering());
    all
});

fn reading() -> Vec<Operation> {
    use Gives::{Gate, Json, Report as TheReport};
    vec![
        read("/openapi.json", "openapi", "This document.", Json(shape::<Value>), || {
            get(openapi::document)
        }),
        Operation {
            deed: Some(Deed::Sign),
            ..read(
                "/whoami",
                "whoami",
                "Whose the token or the certificate is, and what it allows.",
                Json(shape::<Whoami>),
                || get(whoami::whoami),
            )
        },
        read("/launches", "launches", "The launches in short.", Json(shape::<Launches>), || {
            get(api::launches)
        }),
        read("/launches/{launch}", "launch", "A launch in short.", Json(shape::<Summary>), || {
            get(api::launch)
        }),
        read(
            "/launches/{launch}/report",
            "report",
            "The go/no-go report, now or at another instant.",
            TheReport,
            || get(api::report),
        )
        .asks::<api::Asked>(),
        read(
            "/launches/{launch}/gate",
            "gate",
            "The gate in a line: 200 for GO, 403 for anything else.",
            Gate,
            || get(gate::gate),
        )
        .asks::<gate::Asked>(),
        Operation {
            method: "post",
            ..read(
                "/launches/{launch}/gate",
                "gate_by_post",
                "The same, for tools that can only post. It orders nothing.",
                Gate,
                || post(gate::gate),
            )
            .asks::<gate::Asked>()
        },
        read(
            "/launches/{launch}/checklists/{list}",
            "checklist",
            "A checklist with its checks.",
            Json(shape::<ChecklistReport>),
            || get(api::checklist),
        ),
        read(
            "/launches/{launch}/checks/{list}/{check}",
            "check",
            "A check and its looks, newest first, a page at a time.",
            Json(shape::<CheckAnswer>),
            || get(api::check),
        )
        .asks::<api::Page>(),
    ]
}

fn reading_more() -> Vec<Operation> {
    use Gives::{Events, Json, Lines};
    vec![
        read(
            "/launches/{launch}/triggers",
            "triggers",
            "The rollback triggers.",
            Json(shape::<Triggers>),
            || get(api::triggers),
        ),
        read(
            "/launches/{launch}/runs",
            "runs",
            "The runs of procedures.",
            Json(shape::<Runs>),
            || get(runs::runs),
        ),
        read(
            "/launches/{launch}/runs/{run}",
            "run",
            "A run, step by step.",
            Json(shape::<Run>),
            || get(runs::run),
        ),
        read(
            "/launches/{launch}/decisions",
            "decisions",
            "The go/no-go decisions.",
            Json(shape::<Decisions>),
            || get(people::decisions),
        ),
        read(
            "/launches/{launch}/decisions/{number}/report",
            "decided_on",
            "The report that a decision was made on, as it was.",
            Json(shape::<Value>),
            || get(people::decided_on),
        ),
        read(
            "/launches/{launch}/audit",
            "audit",
            "The audit log, a page at a time.",
            Lines,
            || get(audit::audit),
        )
        .asks::<audit::Asked>(),
        read(
            "/launches/{launch}/events",
            "events",
            "Says whenever there is a newer report.",
            Events,
            || get(events::events),
        ),
    ]
}

fn stating() -> Vec<Operation> {
    vec![
        order(
            "/launches/{launch}/sign-offs",
            "sign",
            "Signs a check off, or rejects it.",
            Deed::Sign,
            || post(people::sign),
        )
        .takes::<people::Signing>(),
        order(
            "/launches/{launch}/waivers",
            "waive",
            "Lets a check that does not hold count as met, for a time.",
            Deed::Command,
            || post(people::waive),
        )
        .takes::<people::Waiving>(),
        order(
            "/launches/{launch}/waivers/end",
            "end_waiver",
            "Ends a waiver.",
            Deed::Command,
            || post(people::end_waiver),
        )
        .takes::<people::Ending>(),
        order(
            "/launches/{launch}/decisions",
            "go_no_go",
            "Records the decision to launch or not.",
            Deed::Command,
            || post(people::go_no_go),
        )
        .takes::<people::GoNoGo>(),
        order(
            "/launches/{launch}/milestones",
            "milestone",
            "Records a milestone.",
            Deed::Command,
            || post(api::milestone),
        )
        .takes::<api::Reaching>(),
        // It changes nothing, and costs looks: whoever may sign may want to see that what they mended is mended.
        order(
            "/launches/{launch}/refresh",
            "refresh",
            "Has checks looked at at once. The report names those that are still waited for.",
            Deed::Sign,
            || post(refresh::refresh),
        )
        .takes::<refresh::Refreshing>(),
    ]
}

fn ordering() -> Vec<Operation> {
    vec![
        order(
            "/launches/{launch}/triggers/{trigger}/fire",
            "fire",
            "Fires a trigger by hand: rolls back.",
            Deed::Command,
            || post(api::fire),
        )
        .takes::<api::Firing>(),
        order(
            "/launches/{launch}/triggers/{trigger}/{order}",
            "order_trigger",
            "Orders a trigger to `hold`, `release`, `ack`, `decline` or `rearm`.",
            Deed::Command,
            || post(api::order_trigger),
        )
        .takes::<api::Ordering>(),
        order(
            "/launches/{launch}/procedures/{procedure}/rehearsals",
            "rehearse",
            "Walks a procedure through, and does nothing.",
            Deed::Command,
            || post(runs::rehearse),
        ),
        order(
            "/launches/{launch}/procedures/{procedure}/runs",
            "begin",
            "Begins the launch day.",
            Deed::Command,
            || post(runs::begin),
        ),
        order(
            "/launches/{launch}/runs/{run}/hold",
            "hold",
            "Keeps a launch's run from going on.",
            Deed::Command,
            || post(runs::hold),
        )
        .takes::<runs::Holding>(),
        order(
            "/launches/{launch}/runs/{run}/resume",
            "resume",
            "Lets a held run go on.",
            Deed::Command,
            || post(runs::resume),
        ),
        // Who may sign may report the step done that is theirs; every other choice is an order, which the handler asks for.
        order(
            "/launches/{launch}/runs/{run}/decisions",
            "decide",
            "Decides how a step that waits for a person goes on.",
            Deed::Sign,
            || post(runs::decide),
        )
        .takes::<runs::Deciding>(),
    ]
}

/// The API's router: each operation behind what a token or a certificate must allow for it.
pub(super) fn router(app: &App) -> Router<App> {
    OPERATIONS.iter().fold(Router::new(), |router, operation| {
        let handler = (operation.handler)();
        let handler = match operation.deed {
            None => handler.route_layer(from_fn_with_state(app.clone(), may_read)),
            Some(deed) => handler.route_layer(from_fn_with_state(
                app.clone(),
                move |State(app): State<App>, request: Request, next: Next| async move {
                    authorised(&app, deed, request, next).await
                },
            )),
        };
        router.route(operation.path, handler)
    })
}

/// What is no order is read, in whichever way it is asked.
async fn may_read(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.tokens.may_read(Shown::of(&request)) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn authorised(app: &App, deed: Deed, mut request: Request, next: Next) -> Response {
    let known = app.tokens.may(Shown::of(&request), deed);
    match known.and_then(|known| meant(&known, &request).map(|()| known)) {
        Ok(known) => {
            request.extensions_mut().insert(known);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}
