//! Tokens as an operator lives with them: made by the command, changed by a signal, and never in a log.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::deadline::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Server, binary};
use super::socket::Socket;

/// For the file of keys and what the server says of it.
const SOON: Duration = Duration::from_secs(10);

/// A folder of one test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("confab-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _kept = fs::remove_dir_all(&self.0);
    }
}

/// Writes a file with one key, whose secret is `byte`, in base64, again and again.
fn write_key(file: &Path, kid: &str, letter: &str) {
    let text = format!("[keys.{kid}]\nsecret = \"{}\"\n", letter.repeat(44));
    fs::write(file, text).expect("it can be written");
}

fn minted(keys: &Path, flags: &[&str]) -> String {
    let output = Command::new(binary())
        .arg("token")
        .arg("--keys")
        .arg(keys)
        .args(["--channel", "c"])
        .args(flags)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn join(server: &Server, token: &str) -> Value {
    let mut socket = Socket::open(server.http).await;
    socket.send(&json!({ "op": "join", "channel": "c", "name": "Sam", "token": token })).await;
    socket.next().await.expect("an answer")
}

async fn ask(server: &Server, token: &str) -> String {
    let mut stream = TcpStream::connect(server.http).await.expect("it listens");
    let request = format!(
        "GET /v1/channels/c HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        server.http
    );
    stream.write_all(request.as_bytes()).await.expect("it takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn no_line_of_the_log_has_a_token_at_any_level() {
    let folder = Folder::new("token-log");
    let (keys, log) = (folder.file("keys.toml"), folder.file("log"));
    write_key(&keys, "a", "A");
    let good = minted(&keys, &["--name", "Nobody Else"]);
    let other = folder.file("other.toml");
    write_key(&other, "a", "B");
    let forged = minted(&other, &[]);
    let written = Stdio::from(File::create(&log).expect("a file"));
    let flags = ["--keys", keys.to_str().expect("a path")];
    let server = Server::start_logging(Ipv4Addr::LOCALHOST.into(), &flags, "trace", written).await;
    assert_eq!(join(&server, &good).await["op"], "welcome");
    assert_eq!(join(&server, &forged).await["code"], "bad_token");
    assert!(ask(&server, &good).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&server, &forged).await.starts_with("HTTP/1.1 401"));
    let mut socket = Socket::open(server.http).await;
    socket.send(&json!({ "op": "join", "channel": "c", "name": "Sam", "token": good })).await;
    socket.expect("welcome").await;
    socket.send(&json!({ "op": "renew", "token": forged })).await;
    socket.expect("error").await;
    socket.send(&json!({ "op": "renew", "token": good })).await;
    socket.expect("grant").await;
    drop(server);

    let text = fs::read_to_string(&log).expect("the log");
    for level in ["TRACE", "DEBUG", "INFO"] {
        assert!(text.contains(level), "the log has lines of {level}");
    }
    assert!(text.contains("joined") && text.contains("refused a message"));
    for token in [&good, &forged] {
        for part in token.split('.').skip(1) {
            let line = text.lines().find(|line| line.contains(part));
            assert_eq!(line, None, "a part of a token is in the log");
        }
    }
}

#[tokio::test]
async fn keys_change_by_a_signal_and_whoever_is_inside_stays() {
    let folder = Folder::new("token-keys");
    let keys = folder.file("keys.toml");
    write_key(&keys, "old", "A");
    let old = minted(&keys, &[]);
    let flags = ["--keys", keys.to_str().expect("a path")];
    let server = Server::start_with(Ipv4Addr::LOCALHOST.into(), &flags).await;
    let mut inside = Socket::open(server.http).await;
    inside.send(&json!({ "op": "join", "channel": "c", "name": "Sam", "token": old })).await;
    inside.expect("welcome").await;

    write_key(&keys, "next", "B");
    let next = minted(&keys, &[]);
    let sent = Command::new("kill").args(["-HUP", &server.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    until("the next key holds", SOON, async || {
        (join(&server, &next).await["op"] == "welcome").then_some(())
    })
    .await;
    assert_eq!(join(&server, &old).await["code"], "bad_token");
    inside.send(&json!({ "op": "watch", "link": false })).await;
    inside.send(&json!({ "op": "renew", "token": next })).await;
    inside.expect("grant").await;

    // A file that is wrong changes nothing.
    fs::write(&keys, "[keys.next]\nsecret = \"short\"\n").expect("it can be written");
    let sent = Command::new("kill").args(["-HUP", &server.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    assert_eq!(join(&server, &next).await["op"], "welcome");
}
