//! A shard of Confab, driven with bytes.
use tools::simnet::RouteId;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::algorithm::Settings;
use super::case::FlowPlan;
use super::record::FlowRecord;
use super::world::{Outbox, Ways};
/// .
#[derive(Debug)]
pub struct Flow {}
impl Flow {
    /// .
    pub fn new(_plan: &FlowPlan, _start: SimTime, _ways: Ways, _random: Random, _settings: Settings) -> Self { Self {} }
    /// .
    pub fn next_event(&self) -> Option<SimTime> { None }
    /// .
    pub fn poll(&mut self, _now: SimTime, _out: &mut Outbox) {}
    /// .
    pub fn handle(&mut self, _now: SimTime, _route: RouteId, _bytes: &[u8], _out: &mut Outbox) {}
    /// .
    pub fn finish(self, _record: &mut FlowRecord) {}
}
