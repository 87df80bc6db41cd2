//! The `confab` binary, on ports of its own.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tests::deadline::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running server; ends with its value.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) http: SocketAddr,
    pub(crate) media: SocketAddr,
}

impl Server {
    /// Starts one and waits until it answers. Who meets in a channel is on one media thread.
    pub(crate) async fn start() -> Self {
        Self::start_with(Ipv4Addr::LOCALHOST.into(), &[]).await
    }

    /// As [`Self::start`], but for two people in a channel being on two media threads.
    pub(crate) async fn start_spread() -> Self {
        Self::start_with(Ipv4Addr::LOCALHOST.into(), &["--spread", "1"]).await
    }

    /// Starts one that receives media on `ip`, with more flags.
    pub(crate) async fn start_with(ip: IpAddr, flags: &[&str]) -> Self {
        Self::start_logging(ip, flags, "warn", Stdio::inherit()).await
    }

    /// As [`Self::start_with`], with a log of what `filter` says that goes to `log`.
    pub(crate) async fn start_logging(
        ip: IpAddr,
        flags: &[&str],
        filter: &str,
        log: Stdio,
    ) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // Another program could take a port between here and there; it never did, and then the server says so.
        let http =
            TcpListener::bind(any).and_then(|socket| socket.local_addr()).expect("a free port");
        let media = free_media_ports(ip);
        let process = Command::new(binary())
            .args(["--http", &http.to_string(), "--media", &media.to_string(), "--log", filter])
            .args(["--shards", "2"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let server = Self { process, http, media };
        until("the server answers", Duration::from_secs(10), async || {
            server.get("/healthz").await.filter(|answer| answer.starts_with("HTTP/1.1 200"))
        })
        .await;
        server
    }

    /// A whole HTTP answer; `None` where nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.http).await.ok()?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http);
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// How the process ended, once it has.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it is our child")
    }

    /// Kibibytes of memory that are its own and in use.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it printed first.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        let output = self.process.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        line
    }
}

/// The first of two ports that are free, one for each media thread, and given to no other server of this process.
fn free_media_ports(ip: IpAddr) -> SocketAddr {
    static PAIRS: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 4_000).unwrap_or_default();
    loop {
        let pair = (begin + PAIRS.fetch_add(1, Ordering::Relaxed)) % 6_000;
        // Below the ports that the system gives out by itself.
        let first = 20_000 + 2 * pair;
        if [first, first + 1].iter().all(|port| UdpSocket::bind((ip, *port)).is_ok()) {
            return SocketAddr::new(ip, first);
        }
    }
}

/// The server that was built beside this test.
pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("this test is a file");
    let binary = own.parent().and_then(Path::parent).expect("target/debug/deps").join("confab");
    assert!(binary.exists(), "build the server first: cargo build -p signaling");
    binary
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _code = self.process.wait();
    }
}
