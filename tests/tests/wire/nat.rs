//! A one-to-one NAT with its machine behind it: whatever comes to the outer address goes to the inner one, each client's from a
//! port of its own, and back. It may forget those ports, as NATs do, and remembers how long the longest datagrams were.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Nat {
    forget: mpsc::Sender<()>,
    longest: Arc<Longest>,
    task: JoinHandle<()>,
}

/// What a datagram is by its first bytes (RFC 7983, section 7; RFC 5761, section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// Bytes of the longest datagrams by kind: from clients, and from the server.
#[derive(Debug, Default)]
struct Longest {
    up: [AtomicUsize; 4],
    down: [AtomicUsize; 4],
}

/// One client, as the server sees it.
struct Flow {
    inner: Arc<UdpSocket>,
    back: JoinHandle<()>,
}

impl Nat {
    /// In front of `inner`, at the same port of `outer`.
    pub(crate) async fn start(outer: IpAddr, inner: SocketAddr) -> Self {
        let outer = UdpSocket::bind((outer, inner.port())).await.expect("the outer address");
        let (forget, forgets) = mpsc::channel(1);
        let longest = Arc::new(Longest::default());
        let task = tokio::spawn(forward(Arc::new(outer), inner, forgets, Arc::clone(&longest)));
        Self { forget, longest, task }
    }

    /// From here on the server sees every client at another port.
    pub(crate) async fn forget(&self) {
        self.forget.send(()).await.expect("it runs");
    }

    /// Bytes of the longest datagram of this kind that clients sent; 0 for none.
    pub(crate) fn longest_up(&self, kind: Kind) -> usize {
        self.longest.up[kind as usize].load(Ordering::Relaxed)
    }

    /// Bytes of the longest datagram of this kind that the server sent; 0 for none.
    pub(crate) fn longest_down(&self, kind: Kind) -> usize {
        self.longest.down[kind as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kind {
    /// `None` for what belongs to none of these protocols.
    fn of(datagram: &[u8]) -> Option<Self> {
        Some(match datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, ..] => Self::Rtp,
            _ => return None,
        })
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.back.abort();
    }
}

async fn forward(
    outer: Arc<UdpSocket>,
    inner: SocketAddr,
    mut forgets: mpsc::Receiver<()>,
    longest: Arc<Longest>,
) {
    let mut flows: BTreeMap<SocketAddr, Flow> = BTreeMap::new();
    let mut buffer = vec![0; 2048];
    loop {
        tokio::select! {
            received = outer.recv_from(&mut buffer) => {
                // Linux tells a socket of ports that were unreachable; nobody was lost by that.
                let Ok((length, client)) = received else { continue };
                let flow = match flows.entry(client) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(flow(&outer, inner, client, &longest).await),
                };
                note(&longest.up, &buffer[..length]);
                let _gone = flow.inner.send(&buffer[..length]).await;
            }
            Some(()) = forgets.recv() => flows.clear(),
        }
    }
}

async fn flow(
    outer: &Arc<UdpSocket>,
    inner: SocketAddr,
    client: SocketAddr,
    longest: &Arc<Longest>,
) -> Flow {
    let socket = UdpSocket::bind((inner.ip(), 0)).await.expect("a free port");
    socket.connect(inner).await.expect("the server's address");
    let socket = Arc::new(socket);
    let (outer, longest, from) = (Arc::clone(outer), Arc::clone(longest), Arc::clone(&socket));
    let back = tokio::spawn(async move {
        let mut buffer = vec![0; 2048];
        while let Ok(length) = from.recv(&mut buffer).await {
            note(&longest.down, &buffer[..length]);
            let _gone = outer.send_to(&buffer[..length], client).await;
        }
    });
    Flow { inner: socket, back }
}

fn note(longest: &[AtomicUsize; 4], datagram: &[u8]) {
    if let Some(kind) = Kind::of(datagram) {
        longest[kind as usize].fetch_max(datagram.len(), Ordering::Relaxed);
    }
}
