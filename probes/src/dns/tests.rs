//! The settings of the `dns` probe.

use serde_json::json;

use super::*;

#[test]
fn settings_that_cannot_work_are_refused_with_their_place() {
    let rows = [
        ("no name", json!({"name": "", "type": "A"}), "name: `` is no name"),
        (
            "a slip",
            json!({"name": "x.example", "type": "A", "resolvers": "pubilc"}),
            "resolvers: `pubilc` names no resolvers (did you mean `public`?)",
        ),
        (
            "a name for an address",
            json!({"name": "x.example", "type": "A", "resolvers": ["dns.example"]}),
            "resolvers[0]: `dns.example` is no address (write it like `192.0.2.53` or `192.0.2.53:5353`)",
        ),
        (
            "nobody to ask",
            json!({"name": "x.example", "type": "A", "resolvers": []}),
            "resolvers: there is no server to ask",
        ),
        (
            "inside and outside",
            json!({"name": "x.example", "type": "A", "resolvers": ["10.0.0.53", "192.0.2.53"]}),
            "resolvers: private and public resolvers are mixed, which may rightly differ (make two checks, and tell them apart by `view`)",
        ),
        (
            "a former time to live alone",
            json!({"name": "x.example", "type": "A", "former_ttl": "1d"}),
            "former_ttl: it says nothing without `low_ttl`",
        ),
        (
            "no port",
            json!({"name": "x.example", "type": "A", "name_server_port": 0}),
            "name_server_port: nothing listens on port 0",
        ),
        (
            "an empty view",
            json!({"name": "x.example", "type": "A", "view": ""}),
            "view: a label has 1 to 40 characters",
        ),
        (
            "no time",
            json!({"name": "x.example", "type": "A", "timeout": "0s"}),
            "timeout: it must be longer than nothing",
        ),
    ];
    for (row, settings, said) in rows {
        let settings = crate::strict::read(settings).expect("it has the right shape");
        let problems = Dns::new(settings).expect_err(row);
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [said], "{row}");
    }
}
