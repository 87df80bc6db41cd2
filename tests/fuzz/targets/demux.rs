#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::demux::check_demux(data));
