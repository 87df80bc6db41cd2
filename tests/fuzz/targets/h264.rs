#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::codec::check_h264(data));
