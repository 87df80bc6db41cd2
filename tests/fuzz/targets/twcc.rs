#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::check::twcc::check_twcc(data));
