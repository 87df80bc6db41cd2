//! Which sessions there are: one task that finds them by the secret in their URL.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};

use super::conversation::Request;
use crate::draw::SecretHash;

/// A way to the task; cheap to clone. The task ends with the last of these.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
enum Call {
    Number { reply: oneshot::Sender<u64> },
    Enter { secret: SecretHash, requests: mpsc::Sender<Request> },
    Find { secret: SecretHash, reply: oneshot::Sender<Option<mpsc::Sender<Request>>> },
    Leave { secret: SecretHash },
}

impl Sessions {
    /// Starts the task, without sessions.
    pub(crate) fn start() -> Self {
        let (calls, incoming) = mpsc::channel(CALLS_MAX);
        tokio::spawn(run(incoming));
        Self { calls }
    }

    /// The next number: no two are given the same.
    pub(super) async fn number(&self) -> u64 {
        self.call(|reply| Call::Number { reply }).await.unwrap_or_default()
    }

    /// That a session is there from here on.
    pub(super) async fn enter(&self, secret: SecretHash, requests: mpsc::Sender<Request>) {
        // The task lives as long as this.
        let _never = self.calls.send(Call::Enter { secret, requests }).await;
    }

    /// The session of this secret.
    pub(super) async fn find(&self, secret: SecretHash) -> Option<mpsc::Sender<Request>> {
        self.call(|reply| Call::Find { secret, reply }).await.flatten()
    }

    /// That a session is no more.
    pub(super) async fn leave(&self, secret: SecretHash) {
        let _never = self.calls.send(Call::Leave { secret }).await;
    }

    async fn call<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Call) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(make(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// Calls that wait: each is answered without waiting for anybody.
const CALLS_MAX: usize = 256;

/// There are no more sessions than participants, whose number is bounded.
async fn run(mut calls: mpsc::Receiver<Call>) {
    let mut sessions = BTreeMap::new();
    let mut number = 0;
    while let Some(call) = calls.recv().await {
        // Whoever asked and is gone needs no answer.
        match call {
            Call::Number { reply } => {
                number += 1;
                let _gone = reply.send(number);
            }
            Call::Enter { secret, requests } => drop(sessions.insert(secret, requests)),
            Call::Find { secret, reply } => drop(reply.send(sessions.get(&secret).cloned())),
            Call::Leave { secret } => drop(sessions.remove(&secret)),
        }
    }
}
