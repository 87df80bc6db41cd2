//! A network that lets nothing but TCP through, for a client that speaks only UDP: each client's datagrams go to the server over a TCP
//! connection of their own, framed as RFC 4571 says, and back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    /// To the server's media at `inner`, for clients who send to the same port of `outer`.
    pub(crate) async fn start(outer: IpAddr, inner: SocketAddr) -> Self {
        let outer = UdpSocket::bind((outer, inner.port())).await.expect("the outer address");
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(forward(Arc::new(outer), inner, Arc::clone(&connections)));
        Self { connections, _tasks: tasks }
    }

    /// How many connections it has made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn forward(outer: Arc<UdpSocket>, inner: SocketAddr, connections: Arc<AtomicUsize>) {
    let mut clients: BTreeMap<SocketAddr, OwnedWriteHalf> = BTreeMap::new();
    let mut backs = JoinSet::new();
    let mut buffer = vec![0; 2048];
    loop {
        let Ok((length, client)) = outer.recv_from(&mut buffer).await else { continue };
        let stream = match clients.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let stream = TcpStream::connect(inner).await.expect("the server's TCP port");
                stream.set_nodelay(true).expect("a socket option");
                let (reading, writing) = stream.into_split();
                backs.spawn(back(reading, Arc::clone(&outer), client));
                connections.fetch_add(1, Ordering::Relaxed);
                place.insert(writing)
            }
        };
        let frame = [&u16::try_from(length).expect("short").to_be_bytes()[..], &buffer[..length]];
        let _closed = stream.write_all(&frame.concat()).await;
    }
}

async fn back(mut stream: OwnedReadHalf, outer: Arc<UdpSocket>, client: SocketAddr) {
    while let Ok(length) = stream.read_u16().await {
        let mut datagram = vec![0; usize::from(length)];
        if stream.read_exact(&mut datagram).await.is_err() {
            return;
        }
        let _gone = outer.send_to(&datagram, client).await;
    }
}
