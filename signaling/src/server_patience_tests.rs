//! How long the server waits for clients that are slow, or want it to wait.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::client::get;

/// A connection that has had one request answered, so that the server waits for the head of the next.
async fn kept_alive(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 1_024];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    stream
}

/// Everything until the server closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    String::from_utf8(rest).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_not_whole_in_ten_seconds_closes_the_connection() {
    let (server, _thread) = start().await;
    let start = Instant::now();
    let mut patient = kept_alive(server.address()).await;
    let mut idle = kept_alive(server.address()).await;
    let mut trickling = kept_alive(server.address()).await;
    patient.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    for _ in 0..9 {
        advance(Duration::from_secs(1)).await;
        trickling.write_all(b"G").await.unwrap();
    }
    patient.write_all(b"host: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(until_closed(&mut patient).await.starts_with("HTTP/1.1 200"));
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    advance(Duration::from_secs(1)).await;
    assert_eq!(until_closed(&mut idle).await, "");
    assert_eq!(until_closed(&mut trickling).await, "");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (server, _thread) = start().await;
    let start = Instant::now();
    let headers = [("content-length", "1000"), ("connection", "keep-alive")];
    let (status, _, _) = request(server.address(), "POST", "/v1/leave/x", &headers).await;
    assert_eq!((status, start.elapsed()), (404, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_refused() {
    let (server, _thread) = start().await;
    let long = "x".repeat(20_000);
    let (status, _, _) = request(server.address(), "GET", "/healthz", &[("x", &long)]).await;
    assert_eq!(status, 431);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_after_a_minute_of_requests() {
    let (server, _thread) = start().await;
    let mut stream = kept_alive(server.address()).await;
    for _ in 0..7 {
        advance(Duration::from_secs(8)).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
    }
    let start = Instant::now();
    advance(Duration::from_secs(4)).await;
    assert_eq!(until_closed(&mut stream).await, "");
    assert_eq!(start.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let (server, _thread) = start_with(limits).await;
    let address = server.address();
    let (mut sam, _) = Client::join(address, "c", "Sam").await;
    let mut holding = kept_alive(address).await;
    let start = Instant::now();
    let waiting = tokio::spawn(async move { (get(address, "/healthz").await.0, start.elapsed()) });
    // Time for the other to be answered, if it were.
    for _ in 0..20 {
        assert_eq!(sam.ask(&json!({ "op": "dance" })).await["code"], "unknown_op");
    }
    advance(Duration::from_secs(10)).await;
    assert_eq!(until_closed(&mut holding).await, "");
    assert_eq!(waiting.await.unwrap(), (200, Duration::from_secs(10)));
}

/// At 150 changes a second the queue of a client that does not read is full before a message has taken too long; at 20 the message is
/// first.
#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_is_cut_off_and_told_why() {
    for changes in [150, 20] {
        cut_off(changes).await;
    }
}

async fn cut_off(changes_a_second: u32) {
    let (server, _thread) = start().await;
    let address = server.address();
    let (mut mira, _) = Client::join(address, "c", "Mira").await;
    let socket = TcpSocket::new_v4().unwrap();
    // The less the system keeps for it, the sooner the server notices.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut sam = Client::on(socket.connect(address).await.unwrap()).await;
    sam.send(&json!({ "op": "join", "channel": "c", "name": "Sam" })).await;
    assert_eq!(mira.next().await["op"], "joined");
    let mut count = 0;
    let changed = loop {
        if count % changes_a_second == 0 {
            advance(Duration::from_secs(1)).await;
            sam.send(&json!({ "op": "pong", "id": 1 })).await;
        }
        assert!(count < 100_000, "never cut off");
        count += 1;
        mira.send(&json!({ "op": "voice", "muted": count % 2 == 0, "deafened": false, "camera": false, "screen": false })).await;
        let changed = mira.next().await;
        if changed["participant"]["name"] == "Sam" {
            break changed;
        }
    };
    assert_eq!(changed["participant"]["connected"], false);
    let (told, code) = sam.until_closed().await;
    let last = told.last().unwrap();
    assert_eq!(
        (last["op"].as_str(), last["code"].as_str(), code),
        (Some("bye"), Some("slow"), 4009),
        "{changes_a_second} a second"
    );
    assert!(told.len() > 256, "more than a queue's worth was on its way: {}", told.len());
}
