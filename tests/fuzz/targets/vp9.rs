#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::codec::check_vp9(data));
