//! RTCP of each kind, beside the `rtcp` crate.

use rtcp::goodbye::Goodbye;
use rtcp::packet::Packet;
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::reception_report::ReceptionReport;
use rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use sfu::media::Ssrc;
use sfu::packet::feedback::{
    self, Blocks, FeedbackError, NackEntries, ReportBlock, Rtcp, SenderReport, packets,
};
use simulcast::{Bitrate, SequenceNumber};

use crate::packet::be16;

const OURS: Ssrc = Ssrc(7);

/// What is read of a compound is what the `rtcp` crate reads, packet by packet; what we write of it is read back.
///
/// # Panics
/// Where the two differ.
pub fn check_feedback(data: &[u8]) {
    let mut rest = data;
    let mut has_ended = false;
    for read in packets(data) {
        assert!(!has_ended, "something follows an error");
        let Ok(read) = read else {
            has_ended = true;
            continue;
        };
        let (packet, after) = rest.split_at(4 + 4 * usize::from(be16(rest, 2)));
        rest = after;
        // The library takes padding for content.
        if packet[0] & 0x20 == 0 {
            check_read(&read, packet);
        }
        check_written(&read);
    }
    assert!(has_ended || rest.is_empty());
}

fn check_read(ours: &Rtcp<'_>, packet: &[u8]) {
    // It refuses some packets that are merely longer than they need to be.
    let Ok(theirs) = rtcp::packet::unmarshal(&mut &packet[..]) else { return };
    let theirs = theirs.first().expect("one packet");
    match ours {
        Rtcp::SenderReport(report, blocks) => {
            let found: &rtcp::sender_report::SenderReport = of(theirs.as_ref());
            let expected = (found.ssrc, found.ntp_time, found.rtp_time);
            assert_eq!((report.ssrc.0, report.ntp, report.timestamp.0), expected);
            assert_eq!((report.packets, report.octets), (found.packet_count, found.octet_count));
            check_blocks(blocks, &found.reports);
        }
        Rtcp::ReceiverReport { ssrc, blocks } => {
            let found: &rtcp::receiver_report::ReceiverReport = of(theirs.as_ref());
            assert_eq!(ssrc.0, found.ssrc);
            check_blocks(blocks, &found.reports);
        }
        Rtcp::Nack { media, entries } => {
            let found: &TransportLayerNack = of(theirs.as_ref());
            assert_eq!(media.0, found.media_ssrc);
            let lost: Vec<u16> =
                found.nacks.iter().copied().flat_map(|pair| pair.into_iter()).collect();
            assert_eq!(numbers(entries), lost);
        }
        Rtcp::Pli { media } => {
            assert_eq!(media.0, of::<PictureLossIndication>(theirs.as_ref()).media_ssrc);
        }
        Rtcp::Fir(entries) => {
            let found: &FullIntraRequest = of(theirs.as_ref());
            let found = found.fir.iter().map(|entry| (Ssrc(entry.ssrc), entry.sequence_number));
            assert_eq!(entries.clone().collect::<Vec<_>>(), found.collect::<Vec<_>>());
        }
        Rtcp::Remb { bitrate } => {
            let found: &ReceiverEstimatedMaximumBitrate = of(theirs.as_ref());
            // The library's exponent of nothing is wrong, and its numbers go on where ours end.
            if *bitrate != Bitrate::MAX && bitrate.as_bps() > 0 {
                assert_eq!(bitrate.as_bps(), exact(found.bitrate));
            }
        }
        Rtcp::Bye(sources) => {
            let found: &Goodbye = of(theirs.as_ref());
            assert_eq!(sources.clone().map(|ssrc| ssrc.0).collect::<Vec<_>>(), found.sources);
        }
        // Read by a check of its own.
        Rtcp::TransportWide(_) => {}
        Rtcp::Other(kind) => assert_eq!(*kind, packet[1]),
    }
}

/// A bitrate that the format can carry has 18 bits, and so is an integer in 24.
fn exact(bitrate: f32) -> u64 {
    format!("{bitrate:.0}").parse().expect("an integer below 2⁶⁴")
}

fn of<T: 'static>(packet: &dyn Packet) -> &T {
    packet.as_any().downcast_ref().unwrap_or_else(|| panic!("of another kind: {packet:?}"))
}

fn numbers(entries: &NackEntries<'_>) -> Vec<u16> {
    entries.clone().map(|number| number.0).collect()
}

fn check_blocks(ours: &Blocks<'_>, theirs: &[ReceptionReport]) {
    let ours: Vec<ReportBlock> = ours.clone().collect();
    assert_eq!(ours.len(), theirs.len());
    for (block, found) in ours.iter().zip(theirs) {
        let lost = u32::from_be_bytes(block.lost.to_be_bytes()) & 0x00ff_ffff;
        assert_eq!(
            (block.ssrc.0, block.fraction_lost, lost, block.highest, block.jitter),
            (
                found.ssrc,
                found.fraction_lost,
                found.total_lost,
                found.last_sequence_number,
                found.jitter
            )
        );
        assert_eq!(
            (block.last_sender_report, block.delay),
            (found.last_sender_report, found.delay)
        );
    }
}

/// The only packet of what `write` appends, or the first.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.len() % 4, 0);
    assert!(packets(&out).all(|read| read.is_ok()), "we cannot read what we wrote");
    out
}

fn check_written(read: &Rtcp<'_>) {
    match read {
        Rtcp::SenderReport(report, _) => {
            let out = written(|out| feedback::write_sender_report(out, report, "cname"));
            let again = packets(&out).find_map(|read| match read {
                Ok(Rtcp::SenderReport(report, _)) => Some(report),
                _ => None,
            });
            assert_eq!(again, Some::<SenderReport>(*report));
        }
        Rtcp::ReceiverReport { blocks, .. } => {
            let blocks: Vec<ReportBlock> = blocks.clone().collect();
            let out = written(|out| feedback::write_receiver_report(out, OURS, &blocks));
            assert_eq!(blocks_of(&out), blocks);
        }
        Rtcp::Nack { media, entries } => check_nack(*media, numbers(entries)),
        Rtcp::Pli { media } => {
            let out = written(|out| feedback::write_pli(out, OURS, *media));
            assert_eq!(packets(&out).next(), Some(Ok(Rtcp::Pli { media: *media })));
        }
        Rtcp::Fir(entries) => {
            for (media, number) in entries.clone() {
                let out = written(|out| feedback::write_fir(out, OURS, media, number));
                let Some(Ok(Rtcp::Fir(mut again))) = packets(&out).next() else {
                    panic!("no FIR: {out:?}")
                };
                assert_eq!((again.next(), again.next()), (Some((media, number)), None));
            }
        }
        Rtcp::Remb { bitrate } => {
            let out = written(|out| feedback::write_remb(out, OURS, *bitrate, &[OURS]));
            let Some(Ok(Rtcp::Remb { bitrate: again })) = packets(&out).next() else {
                panic!("no REMB: {out:?}")
            };
            // Cut to 18 bits, so that one part in 2¹⁷ may be missing.
            let (wide, again) = (bitrate.as_bps(), again.as_bps());
            assert!(again <= wide && wide - again <= wide >> 17, "{wide} became {again}");
        }
        Rtcp::Bye(sources) => {
            let sources: Vec<Ssrc> = sources.clone().collect();
            let out = written(|out| feedback::write_bye(out, &sources));
            let Some(Ok(Rtcp::Bye(again))) = packets(&out).next() else {
                panic!("no BYE: {out:?}")
            };
            assert_eq!(again.collect::<Vec<_>>(), sources);
        }
        Rtcp::TransportWide(_) | Rtcp::Other(_) => {}
    }
}

/// What is asked for again is what was lost, in order, or its beginning.
fn check_nack(media: Ssrc, mut lost: Vec<u16>) {
    // As the writer wants it: rising. Half a turn at most, or nobody could say what rises.
    let first = lost.first().copied().unwrap_or_default();
    lost.retain(|number| number.wrapping_sub(first) < 0x8000);
    lost.sort_by_key(|number| number.wrapping_sub(first));
    lost.dedup();
    let out = written(|out| {
        feedback::write_nack(out, OURS, media, lost.iter().copied().map(SequenceNumber))
    });
    let again: Vec<u16> = packets(&out)
        .flat_map(|read| match read {
            Ok(Rtcp::Nack { media: found, entries }) => {
                assert_eq!(found, media);
                numbers(&entries)
            }
            _ => panic!("no NACK"),
        })
        .collect();
    assert!(lost.starts_with(&again));
    assert!(again.len() == lost.len() || again.len() >= feedback::NACKS_MAX);
}

fn blocks_of(compound: &[u8]) -> Vec<ReportBlock> {
    packets(compound)
        .flat_map(|read| match read {
            Ok(Rtcp::ReceiverReport { blocks, .. }) => blocks.collect::<Vec<_>>(),
            Ok(_) | Err(FeedbackError::Truncated(_)) => Vec::new(),
            Err(error) => panic!("{error}"),
        })
        .collect()
}
