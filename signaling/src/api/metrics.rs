//! `GET /metrics`: the media plane's counters and signaling's own, as Prometheus reads them (text format 0.0.4).

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use sfu::metrics::{Reading, Sample};

use crate::fault::Error;
use crate::limited::Limit;
use crate::server::App;
use crate::token::Bearer;

/// All of them, for whoever may look at the whole server: everybody in the open development mode.
pub(crate) async fn scrape_as_admin(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Error> {
    let (access, bearer) = (app.presence.access(), Bearer::of(&headers)?);
    access.administer(bearer.as_ref(), access.now())?;
    Ok(scrape(State(app)).await)
}

/// All of them, for whoever reaches the address at which there is nothing else.
pub(crate) async fn scrape(State(app): State<App>) -> impl IntoResponse {
    let gauges = [
        ("confab_sockets", "WebSockets open.", app.sockets()),
        (
            "confab_sessions",
            "Participants signaling knows, with media or without.",
            app.presence.participants(),
        ),
        ("confab_session_channels", "Channels signaling knows.", app.presence.channels().await),
    ];
    let mut text = String::new();
    let snapshot = app.snapshots.borrow().clone();
    let mut last = "";
    for Sample { name, help, kind, reading: Reading { suffix, labels, value } } in
        snapshot.samples()
    {
        // Writing to a string cannot fail.
        let _written = (|| {
            if name != last {
                last = name;
                writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", kind.name())?;
            }
            write!(text, "{name}{suffix}")?;
            let mut open = '{';
            for (key, label) in labels.into_iter().flatten() {
                write!(text, "{open}{key}=\"{label}\"")?;
                open = ',';
            }
            let close = if open == ',' { "}" } else { "" };
            writeln!(text, "{close} {value}")
        })();
    }
    for (name, help, value) in gauges {
        let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }
    let name = "confab_limits_reached_total";
    let help = "Times somebody was refused because a limit was reached.";
    let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
    for limit in Limit::ALL {
        let count = app.presence.limited().reached(limit);
        let _written = writeln!(text, "{name}{{limit=\"{}\"}} {count}", limit.name());
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
