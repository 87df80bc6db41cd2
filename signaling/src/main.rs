//! `confab`, the server: reads its settings, serves until it is told to stop; and the commands beside that.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use signaling::config::flags::{self, Given, Task};
use signaling::config::layers::Composed;
use signaling::config::{Config, document};
use signaling::token::{now, reread};
use signaling::{Server, outward};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

#[tokio::main]
async fn main() -> ExitCode {
    // Here alone: everything below is told.
    let environment = std::env::vars_os();
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let done = match flags::read(std::env::args(), environment) {
        Ok(Task::Serve(given)) => serve(given).await,
        Ok(Task::CheckConfig(given)) => check(given),
        Ok(Task::Token(request)) => request.mint(now()).map(|token| say(&token)),
        Ok(Task::DocumentConfig) => {
            say(document::written().trim_end());
            Ok(())
        }
        // Help and version are no errors, and go to standard output: the library knows.
        Err(error) => {
            let _gone = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => refuse(&reason),
    }
}

/// The settings, put together, and what they mean here.
fn configure(given: Given) -> Result<(Composed, Config), String> {
    let named = given.file().map(Path::to_owned);
    let text = named.map(|path| {
        std::fs::read_to_string(&path)
            .map_err(|error| format!("--config {}: {error}", path.display()))
    });
    let composed = given.layers(text.transpose()?).compose().map_err(|error| error.to_string())?;
    let config = Config::of(composed.draft.clone(), &outward::addresses())
        .map_err(|error| error.to_string())?;
    Ok((composed, config))
}

fn filter(composed: &Composed) -> Result<EnvFilter, String> {
    let log = &composed.draft.log;
    EnvFilter::try_new(log).map_err(|error| format!("--log {log}: {error}"))
}

/// `confab config check`: what holds, and who said so.
fn check(given: Given) -> Result<(), String> {
    let (composed, config) = configure(given)?;
    config.check().map_err(|error| error.to_string())?;
    if let Some(keys) = &config.keys {
        reread::read(keys).map_err(|error| error.to_string())?;
    }
    filter(&composed)?;
    let mut text = String::new();
    for oddity in &composed.oddities {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "odd: {oddity}");
    }
    for (setting, values, origin) in &composed.origins {
        let _written = writeln!(text, "{} = {} ({origin})", setting.key, values.join(", "));
    }
    say(&format!("{text}These settings hold; all others have their defaults."));
    Ok(())
}

/// Serves until a signal comes, or the media plane ends by itself.
async fn serve(given: Given) -> Result<(), String> {
    let (composed, config) = configure(given)?;
    let filter = filter(&composed)?;
    let written =
        fmt::layer().with_writer(io::stderr).with_filter(filter.and(filter_fn(is_ours_to_tell)));
    tracing_subscriber::registry().with(written).init();
    for oddity in &composed.oddities {
        tracing::warn!("{oddity}");
    }
    let mut server = Server::start(config).await.map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    say(&format!("Confab is ready: open http://{}", server.address()));
    let ended = tokio::select! {
        _ = terminate.recv() => false,
        _ = tokio::signal::ctrl_c() => false,
        () = server.media_ended() => true,
    };
    server.stop().await;
    if ended {
        Err("the media plane has ended by itself; the log says why".to_owned())
    } else {
        Ok(())
    }
}

/// Whether the log may have it. At `trace` the library of WebSockets writes down what people send, and that has their tokens.
fn is_ours_to_tell(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG || !metadata.target().starts_with("tungstenite")
}

/// One line to standard output. A reader that has gone away is no reason to stop serving.
fn say(line: &str) {
    let _gone = writeln!(io::stdout(), "{line}");
}

/// One line to standard error, and the exit code of a start that failed.
fn refuse(line: &str) -> ExitCode {
    let _gone = writeln!(io::stderr(), "confab: {line}");
    ExitCode::FAILURE
}
