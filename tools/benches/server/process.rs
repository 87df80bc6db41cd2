//! The server under measurement: this program once more, as a process of its own, seen through /proc and its own metrics.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use signaling::{Config, Server};
use tokio::io::AsyncReadExt;

/// A server in a process of its own; ends with its value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) http: SocketAddr,
}

/// What a process has used, and what its server counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Of the media threads.
    pub(crate) media: Duration,
    /// Of all other threads.
    pub(crate) signaling: Duration,
    /// Resident memory, in bytes.
    pub(crate) memory: u64,
    /// Samples of `/metrics` by name and labels.
    samples: BTreeMap<String, u64>,
}

/// Reasons that are a choice and no loss: a picture is paused, or waits for its keyframe.
const CHOICES: [&str; 2] = ["\"paused\"", "\"not_a_keyframe\""];

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "serve";

/// Serves until standard input ends; says where on standard output.
pub(crate) async fn serve() {
    let server = Server::start(Config::local()).await.expect("the server starts");
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.address()).expect("somebody reads");
    out.flush().expect("somebody reads");
    let _ended = tokio::io::stdin().read(&mut [0; 1]).await;
    server.stop().await;
}

impl Process {
    /// Starts one and waits until it serves.
    pub(crate) fn start() -> Self {
        let own = std::env::current_exe().expect("this program is a file");
        let mut child = Command::new(own)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("it says where");
        let http = line.trim().parse().expect("an address");
        Self { child, http }
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        let process = format!("/proc/{}", self.child.id());
        let mut usage = Usage { samples: self.samples(), ..Usage::default() };
        for task in fs::read_dir(format!("{process}/task")).expect("it runs").flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let cpu = cpu(&task.path().join("schedstat").to_string_lossy());
            if name.starts_with("media-") {
                usage.media += cpu;
            } else {
                usage.signaling += cpu;
            }
        }
        let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux");
        let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        usage.memory = kilobytes * 1024;
        usage
    }

    fn samples(&self) -> BTreeMap<String, u64> {
        let mut stream = TcpStream::connect(self.http).expect("it serves");
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        answer.lines().filter(|line| line.starts_with("confab_")).filter_map(sample).collect()
    }
}

impl Usage {
    /// How much was used and counted between `earlier` and this; gauges as they are now.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let samples = self.samples.iter().map(|(name, value)| {
            let before = earlier.samples.get(name).copied().unwrap_or(0);
            (name.clone(), value.saturating_sub(before))
        });
        Self {
            media: self.media.saturating_sub(earlier.media),
            signaling: self.signaling.saturating_sub(earlier.signaling),
            memory: self.memory.saturating_sub(earlier.memory),
            samples: samples.collect(),
        }
    }

    /// A sample by its name with labels.
    pub(crate) fn sample(&self, name: &str) -> u64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("no metric {name}"))
    }

    /// Packets forwarded and sent again.
    pub(crate) fn packets(&self) -> u64 {
        ["forwarded", "resent"]
            .iter()
            .flat_map(|what| {
                ["audio", "video"]
                    .map(|kind| format!("confab_rtp_packets_{what}_total{{kind=\"{kind}\"}}"))
            })
            .map(|name| self.sample(&name))
            .sum()
    }

    /// Datagrams a message to the kernel carried, in the mean.
    pub(crate) fn run_length(&self) -> f64 {
        self.sent("datagrams") as f64 / self.sent("datagram_runs").max(1) as f64
    }

    /// Bytes of a datagram, in the mean.
    pub(crate) fn datagram_bytes(&self) -> usize {
        usize::try_from(self.sent("datagram_bytes") / self.sent("datagrams").max(1)).expect("short")
    }

    fn sent(&self, what: &str) -> u64 {
        self.sample(&format!("confab_{what}_total{{direction=\"sent\"}}"))
    }

    /// Everything dropped, by reason, but for pictures that were paused or wait for a keyframe: that is a choice.
    pub(crate) fn dropped(&self) -> Vec<(String, u64)> {
        let dropped = self
            .samples
            .iter()
            .filter(|(name, value)| name.starts_with("confab_dropped_total") && **value > 0)
            .filter(|(name, _)| CHOICES.iter().all(|choice| !name.contains(choice)));
        dropped.map(|(name, value)| (name.clone(), *value)).collect()
    }
}

/// The processor time of a task, from its `schedstat`.
pub(crate) fn cpu(schedstat: &str) -> Duration {
    let text = fs::read_to_string(schedstat).unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}
