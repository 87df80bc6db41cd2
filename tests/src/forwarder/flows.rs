//! Who comes through which door.

use std::net::SocketAddr;

/// One client's address at one door.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Flow {
    /// Which door.
    pub(super) door: usize,
    /// Where the client is.
    pub(super) client: SocketAddr,
    /// Whether it came after the beginning.
    pub(super) is_shaped: bool,
}

/// All flows, in order of their coming; none ever goes.
#[derive(Debug, Default)]
pub(super) struct Flows(Vec<Flow>);

impl Flows {
    /// All of them; a flow's place is what it is called by.
    pub(super) fn all(&self) -> &[Flow] {
        &self.0
    }

    pub(super) fn find(&self, door: usize, client: SocketAddr) -> Option<usize> {
        self.0.iter().position(|flow| flow.door == door && flow.client == client)
    }

    /// Its place, or `None` where there are [`FLOWS_MAX`] already.
    pub(super) fn add(&mut self, flow: Flow) -> Option<usize> {
        if self.0.len() >= FLOWS_MAX {
            return None;
        }
        self.0.push(flow);
        Some(self.0.len() - 1)
    }
}

/// A browser has one for each of its network addresses and each connection it makes: forty people who reconnect have room. With the
/// doors they are fewer than the 256 sockets that a path can tell apart.
const FLOWS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_a_client_at_a_door_and_there_is_room_for_so_many() {
        let mut flows = Flows::default();
        let client = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for port in 0..u16::try_from(FLOWS_MAX).unwrap() {
            let flow = Flow { door: 0, client: client(port), is_shaped: false };
            assert_eq!(flows.add(flow), Some(usize::from(port)));
        }
        assert_eq!(flows.add(Flow { door: 1, client: client(7), is_shaped: false }), None);
        assert_eq!(flows.find(0, client(7)), Some(7));
        assert_eq!(flows.find(1, client(7)), None);
    }
}
