//! The `confab` process as an operator meets it: what it prints, which signals end it, and with which code.

use std::net::{TcpListener, UdpSocket};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tests::deadline::until;

use super::server::{Server, binary};
use super::socket::Socket;

/// A server says good-bye within two seconds and ends.
const ENDED: Duration = Duration::from_secs(10);

async fn ended(server: &mut Server) -> ExitStatus {
    until("the process ends", ENDED, async || server.exit_status()).await
}

#[tokio::test]
async fn a_signal_says_good_bye_to_everybody_and_ends_the_process_with_0() {
    // What a service manager sends, and what Ctrl-C in a terminal does.
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start().await;
        let (mut inside, _) = Socket::join(server.http, "wire", "Sam").await;
        let mut outside = Socket::open(server.http).await;
        let sent = Command::new("kill").args([signal, &server.id().to_string()]).status();
        assert!(sent.expect("kill").success());
        for socket in [&mut inside, &mut outside] {
            let bye = socket.expect("bye").await;
            assert_eq!(bye["code"], json!("shutdown"), "{signal}");
            assert_eq!(socket.expect_close().await, Some(1001), "{signal}");
        }
        assert_eq!(ended(&mut server).await.code(), Some(0), "{signal}");
        assert!(UdpSocket::bind(server.media).is_ok(), "the media port is free again");
        assert!(TcpListener::bind(server.http).is_ok(), "the port is free again");
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

/// A start that fails: its exit code, and its one line.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is ready");
    assert_eq!(error.lines().count(), 1, "one line: {error}");
    (output.status.code(), error.trim_end().to_owned())
}

#[test]
fn a_busy_tcp_port_is_one_line_that_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let (code, line) = refusal(&["--http", &address.to_string(), "--media", "127.0.0.1:0"]);
    let port = address.port();
    let expected = format!(
        "confab: TCP port {port} of 127.0.0.1 is in use by another program; choose another with --http 127.0.0.1:PORT"
    );
    assert_eq!((code, line), (Some(1), expected));
}

#[test]
fn a_busy_udp_port_is_one_line_that_names_the_flags() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let port = address.port();
    for arguments in [["--media", &address.to_string()], ["--media-port", &port.to_string()]] {
        let (code, line) = refusal(&[&["--http", "127.0.0.1:0"], &arguments[..]].concat());
        let expected = format!(
            "confab: UDP port {port} of 127.0.0.1 is in use by another program; choose another with --media-port PORT, or --media ADDRESS:PORT"
        );
        assert_eq!((code, line), (Some(1), expected), "{arguments:?}");
    }
}

#[test]
fn an_address_for_others_is_refused_while_there_are_no_keys() {
    let (code, line) = refusal(&["--http", "0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(
        line.starts_with("confab: --http 0.0.0.0:0: without keys anybody could join"),
        "{line}"
    );
}

#[test]
fn help_says_what_it_is_what_happens_without_flags_and_what_each_flag_does() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).expect("text");
    assert!(help.starts_with("A voice and video server"), "{help}");
    for words in ["Usage: confab [OPTIONS]", "http://127.0.0.1:8080", "3478"] {
        assert!(help.contains(words), "{words} in {help}");
    }
    for flag in ["--http", "--media-port", "--media", "--host", "--log", "--help", "--version"] {
        let line = help.lines().find(|line| line.trim_start().contains(flag));
        assert!(line.is_some_and(|line| line.starts_with("  ")), "{flag} in {help}");
    }
    let longest = help.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "no line is longer than a terminal: {longest:?}");
}

#[test]
fn an_unknown_flag_is_refused_and_points_to_the_help() {
    let output = run(&["--port", "80"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).expect("text");
    assert!(error.contains("--port") && error.contains("--help"), "{error}");
}

#[test]
fn the_version_is_one_line() {
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("confab "));
}

#[tokio::test]
async fn the_address_to_open_is_printed_at_the_start() {
    let mut server = Server::start().await;
    let expected = format!("Confab is ready: open http://{}\n", server.http);
    assert_eq!(server.first_line(), expected);
}

#[test]
fn a_configuration_is_checked_without_a_start_and_says_where_each_setting_comes_from() {
    let folder = std::env::temp_dir().join(format!("confab-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("confab.toml");
    let name = file.display().to_string();
    let checked = |text: &str, variables: &[(&str, &str)], flags: &[&str]| {
        std::fs::write(&file, text).expect("a file");
        let output = Command::new(binary())
            .args(["config", "check", "--config", &name])
            .args(flags)
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let text = "dscp = 0\nshards = 2\n[channel]\npeople = 20\n";
    let (code, said, wrong) = checked(text, &[("CONFAB_DSCP", "46")], &["--shards", "4"]);
    assert_eq!((code, wrong.as_str()), (Some(0), ""));
    let expected = format!(
        "shards = 4 (--shards)\ndscp = 46 (CONFAB_DSCP)\nchannel.people = 20 ({name}, line 4)\n"
    );
    assert!(said.starts_with(&expected), "{said}");
    let (code, said, wrong) = checked("\nchanel.people = 20\n", &[], &[]);
    let expected =
        format!("confab: {name}, line 2: there is no key chanel; did you mean channel?\n");
    assert_eq!((code, said.as_str(), wrong), (Some(1), "", expected));
    let (code, _, wrong) = checked("http = \"0.0.0.0:80\"", &[], &[]);
    assert_eq!(code, Some(1));
    assert!(wrong.starts_with("confab: --http 0.0.0.0:80: without keys"), "{wrong}");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
