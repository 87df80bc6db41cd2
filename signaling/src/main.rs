//! `confab`, the server: reads its flags, serves until it is told to stop.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use signaling::config::Flags;
use signaling::{Config, Server, outward};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let filter = match EnvFilter::try_new(&flags.log) {
        Ok(filter) => filter,
        Err(error) => return refuse(&format!("--log {}: {error}", flags.log)),
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match serve(flags.configure(&outward::addresses())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => refuse(&reason),
    }
}

/// Serves until a signal comes, or the media plane ends by itself.
async fn serve(config: Config) -> Result<(), String> {
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

/// One line to standard output. A reader that has gone away is no reason to stop serving.
fn say(line: &str) {
    let _gone = writeln!(io::stdout(), "{line}");
}

/// One line to standard error, and the exit code of a start that failed.
fn refuse(line: &str) -> ExitCode {
    let _gone = writeln!(io::stderr(), "confab: {line}");
    ExitCode::FAILURE
}
