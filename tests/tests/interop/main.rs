//! The real server met by WHIP and WHEP clients that nobody here wrote: docs/whip.md has the table.
//!
//! `tests/run` installs them into `target/tools/interop`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use server::Server;

#[path = "../wire/server.rs"]
#[expect(dead_code, reason = "the other suite looks closer at the process")]
mod server;

/// Where `tests/run` installs what this suite drives.
fn installed(under: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/interop");
    let path = root.join(under);
    assert!(path.exists(), "{} is missing: tests/run installs it", path.display());
    path
}

fn python(script: &str) -> Command {
    let mut command = Command::new(installed("bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script));
    command
}

/// A publisher, until its value ends.
struct Publisher(Child);

impl Publisher {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Self(command.spawn().expect("it starts"))
    }

    /// ffmpeg, with H.264 as WHIP's muxer wants it (`ffmpeg -h muxer=whip`) and Opus.
    fn ffmpeg(url: &str) -> Self {
        let found = Command::new(installed("bin/python"))
            .args(["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"])
            .output()
            .expect("Python answers");
        let binary = String::from_utf8(found.stdout).expect("a path");
        let line = "-loglevel error -re -f lavfi -i testsrc2=size=640x360:rate=30 -re -f lavfi -i sine=frequency=440 \
            -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -bf 0 -g 30 -pix_fmt yuv420p -b:v 500k \
            -c:a libopus -ar 48000 -ac 2 -b:a 64k -t 60 -f whip";
        Self::start(Command::new(binary.trim()).args(line.split_whitespace()).arg(url))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Whoever ended by itself is as good.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Plays with aiortc until it has decoded a second of sound and of pictures.
fn aiortc_plays(url: &str) {
    let played =
        python("aiortc_play.py").args([url, "30", "50", "20"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{told}{}", String::from_utf8_lossy(&played.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_publishes_and_aiortc_plays() {
    let server = Server::start_with(Ipv4Addr::LOCALHOST.into(), &[]).await;
    let _publisher = Publisher::ffmpeg(&format!("http://{}/whip/ffmpeg", server.http));
    aiortc_plays(&format!("http://{}/whep/ffmpeg", server.http));
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_publishes_and_plays() {
    let server = Server::start_with(Ipv4Addr::LOCALHOST.into(), &[]).await;
    let url = format!("http://{}/whip/aiortc", server.http);
    let _publisher = Publisher::start(python("aiortc_publish.py").arg(url));
    aiortc_plays(&format!("http://{}/whep/aiortc", server.http));
}
